"""Ask whether each doubtful box is right, and score it by the answer."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grounding.markup import find_markup
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking
from infer.asking.yes_no.box_requests import BoxQuestionForm
from infer.asking.yes_no.doubt_band import DoubtBand
from infer.asking.yes_no.yes_probability import yes_share
from infer.engines.protocol import Engine, Request

NEITHER_YES_NOR_NO = "neither yes nor no about a box"
NOT_ASKABLE = "label that a question cannot hold"

LONGEST_LABEL = 500
"""Characters: a longer label is no name, and would make the question long."""


@dataclass(frozen=True)
class AskWhetherRight:
    """Asks by `ask`, then asks the engine one yes/no question about each box of doubtful score.

    The scores of `ask` are those of the tokens, or the share of votes where answers are sampled. A box that
    comes twice is asked about once. A box whose answer says neither yes nor no keeps its score, and so does
    one whose label is empty, too long, or holds markup: both are problems of the answer. `batch_size`
    questions are asked at a time.
    """

    ask: WayOfAsking
    engine: Engine
    form: BoxQuestionForm
    band: DoubtBand
    batch_size: int

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Ask all first questions, then all questions about their boxes."""
        answers = self.ask(requests)
        doubtful = [self._doubtful(answer) for answer in answers]
        with tempfile.TemporaryDirectory(prefix="yes_no_") as folder:
            questions = [
                question
                for index, (item, found) in enumerate(zip(requests, doubtful, strict=True))
                for question in self.form.requests(item, _askable(found), Path(folder), index)
            ]
            shares = iter(self._ask_shares(questions))
        return [
            self._scored(answer, {found: next(shares) for found in _askable(found_here)}, found_here)
            for answer, found_here in zip(answers, doubtful, strict=True)
        ]

    def _doubtful(self, answer: ParsedAnswer) -> list[Detection]:
        """Return each doubtful box once, without its score."""
        found = (_unscored(item) for item in answer.detections if self.band.holds(item.score))
        return list(dict.fromkeys(found))

    def _ask_shares(self, questions: Sequence[Request]) -> list[float | None]:
        starts = range(0, len(questions), self.batch_size)
        batches = (questions[start : start + self.batch_size] for start in starts)
        return [yes_share(answer) for batch in batches for answer in self.engine.answer(batch)]

    def _scored(
        self, answer: ParsedAnswer, shares: dict[Detection, float | None], doubtful: Sequence[Detection]
    ) -> ParsedAnswer:
        detections = tuple(
            replace(found, score=self.band.score(found.score, shares.get(_unscored(found))))
            for found in answer.detections
        )
        problems = [NEITHER_YES_NOR_NO for share in shares.values() if share is None]
        problems += [NOT_ASKABLE] * (len(doubtful) - len(shares))
        return replace(answer, detections=detections, problems=(*answer.problems, *problems))


def _askable(found: Sequence[Detection]) -> list[Detection]:
    """Return the boxes whose label a question can hold: a model's answer can hold anything."""
    return [
        item
        for item in found
        if item.label.strip() and len(item.label) <= LONGEST_LABEL and find_markup(item.label) is None
    ]


def _unscored(found: Detection) -> Detection:
    return replace(found, score=None)
