"""More answers to each question, and the objects of all: for scores that put the likely ones first."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from grounding.samples import Detection
from infer.asking.merged_answers import merge_answers
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking
from infer.asking.token_scores import DIGITS, SMALLEST
from infer.asking.voting import group_votes
from infer.confidence.calibration import Calibration


@dataclass(frozen=True)
class AskForMore:
    """Asks by `ask`, then samples `more` answers at `temperature`, and keeps the objects of all answers.

    Boxes are grouped as votes are. The boxes of the first answer stay as they are, in their order; objects
    that only other answers hold follow. Without scores of its own, an object has the share of answers that
    hold it; if the boxes of answers have scores (`has_scores`), their sum over the number of answers. A
    `calibration` makes its score of the features of its surest box.
    """

    ask: WayOfAsking
    more: int
    temperature: float
    has_scores: bool = False
    calibration: Calibration | None = None

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Ask all questions once, then sample all further answers, and return one answer for each request."""
        first = self.ask([self._draw(item, 0) for item in requests])
        numbers = range(1, self.more + 1)
        sampled = iter(self.ask([self._draw(item, number) for item in requests for number in numbers]))
        return [
            self._merge([("first", answer), *((f"draw {number}", next(sampled)) for number in numbers)])
            for answer in first
        ]

    def _draw(self, item: SizedRequest, number: int) -> SizedRequest:
        """Return the request for one of the answers, of which the first is not sampled for its sake."""
        draw = item.request.draw * (self.more + 1) + number
        temperature = self.temperature if number else item.request.temperature
        return replace(item, request=replace(item.request, draw=draw, temperature=temperature))

    def _merge(self, parts: Sequence[tuple[str, ParsedAnswer]]) -> ParsedAnswer:
        objects = merge_objects([answer.detections for _, answer in parts], has_scores=self.has_scores)
        if self.calibration is not None:
            scores = self.calibration.scores([item.features or None for item in objects])
            objects = [
                replace(item, score=score, features=()) for item, score in zip(objects, scores, strict=True)
            ]
        return merge_answers(parts, objects)


def merge_objects(answers: Sequence[Sequence[Detection]], *, has_scores: bool) -> list[Detection]:
    """Return the objects that any of the answers holds, in the order of their first mention.

    An object has the label and the box of its first mention, and the features of its surest one. Its score is
    None where its boxes should have scores, and none of them has one.
    """
    merged = []
    for group in group_votes(answers):
        scores = (
            [item.score for item in group if item.score is not None] if has_scores else [1.0] * len(group)
        )
        surest = max(group, key=lambda item: item.score or 0.0)
        mean = math.fsum(scores) / len(answers)
        score = max(SMALLEST, round(mean, DIGITS)) if scores else None
        merged.append(replace(group[0], score=score, features=surest.features))
    return merged
