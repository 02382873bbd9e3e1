"""Ask whether each doubtful box is right, and score it by the answer."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking
from infer.asking.yes_no.box_requests import BoxQuestionForm
from infer.asking.yes_no.doubt_band import DoubtBand
from infer.asking.yes_no.yes_probability import yes_share
from infer.engines.protocol import Engine, Request

NEITHER_YES_NOR_NO = "neither yes nor no about a box"


@dataclass(frozen=True)
class AskWhetherRight:
    """Asks by `ask`, then asks the engine one yes/no question about each box of doubtful score.

    The scores of `ask` are those of the tokens, or the share of votes where answers are sampled. A box that
    comes twice is asked about once. A box whose answer says neither yes nor no keeps its score, and is a
    problem of the answer. `batch_size` questions are asked at a time.
    """

    ask: WayOfAsking
    engine: Engine
    form: BoxQuestionForm
    band: DoubtBand
    batch_size: int

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Ask all first questions, then all questions about their boxes."""
        answers = self.ask(requests)
        doubtful = [
            list(
                dict.fromkeys(_unscored(found) for found in answer.detections if self.band.holds(found.score))
            )
            for answer in answers
        ]
        with tempfile.TemporaryDirectory(prefix="yes_no_") as folder:
            questions = [
                question
                for index, (item, found) in enumerate(zip(requests, doubtful, strict=True))
                for question in self.form.requests(item, found, Path(folder), index)
            ]
            shares = iter(self._ask_shares(questions))
        return [
            self._scored(answer, {found: next(shares) for found in asked})
            for answer, asked in zip(answers, doubtful, strict=True)
        ]

    def _ask_shares(self, questions: Sequence[Request]) -> list[float | None]:
        starts = range(0, len(questions), self.batch_size)
        batches = (questions[start : start + self.batch_size] for start in starts)
        return [yes_share(answer) for batch in batches for answer in self.engine.answer(batch)]

    def _scored(self, answer: ParsedAnswer, shares: dict[Detection, float | None]) -> ParsedAnswer:
        detections = tuple(
            replace(found, score=self.band.score(found.score, shares.get(_unscored(found))))
            for found in answer.detections
        )
        unanswered = sum(share is None for share in shares.values())
        return replace(
            answer,
            detections=detections,
            problems=answer.problems + (NEITHER_YES_NOR_NO,) * unanswered,
        )


def _unscored(found: Detection) -> Detection:
    return replace(found, score=None)
