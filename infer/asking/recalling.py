"""More answers to each question, and the objects of all: for scores that put the likely ones first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grounding.samples import Detection
from infer.asking.merged_answers import merge_answers
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking
from infer.asking.voting import group_votes
from infer.confidence.calibration import Calibration


@dataclass(frozen=True)
class AskForMore:
    """Asks by `ask`, then samples `more` answers at `temperature`, and keeps the objects of all answers.

    Boxes are grouped as votes are. The boxes of the first answer stay as they are, in their order; objects
    that only other answers hold follow. The score of an object is that of its surest box, where boxes have
    scores (`has_scores`), else the share of the answers that hold it. A `calibration` makes it of the
    features of the surest box.
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
    that of the surest, or without `has_scores` the share of the answers that hold it.
    """
    merged = []
    for group in group_votes(answers):
        surest = max(group, key=lambda item: item.score or 0.0)
        score = surest.score if has_scores else len(group) / len(answers)
        merged.append(replace(group[0], score=score, features=surest.features))
    return merged
