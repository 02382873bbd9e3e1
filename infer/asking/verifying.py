"""Cycle consistency: ask for each label that was found, and check that its boxes are found again."""

from collections.abc import Sequence
from dataclasses import dataclass

from grounding.boxes import iou
from grounding.prompts import Wording
from grounding.samples import Detection
from infer.asking.merged_answers import SAME_OBJECT
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking
from infer.asking.wordings import reworded

NOT_VERIFIED = "box did not come back when its label was asked for"


@dataclass(frozen=True)
class AskAndVerify:
    """Asks by `ask`, then asks by `ask_back` for each label that was found, in this wording.

    A box is verified if one of the boxes of the second answer has an IoU of at least SAME_OBJECT with it. Any
    other box is a problem of the answer and, if `drops`, not among its detections.
    """

    ask: WayOfAsking
    ask_back: WayOfAsking
    wording: Wording
    drops: bool

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Ask all first questions, then all second ones; a label with several boxes is asked for once."""
        answers = self.ask(requests)
        labels = [list(dict.fromkeys(found.label for found in answer.detections)) for answer in answers]
        returned = iter(
            self.ask_back(
                [
                    item.plainly(reworded(item.request, self.wording, label))
                    for item, names in zip(requests, labels, strict=True)
                    for label in names
                ]
            )
        )
        return [
            self._verify(answer, {name: next(returned).detections for name in names})
            for answer, names in zip(answers, labels, strict=True)
        ]

    def _verify(self, answer: ParsedAnswer, returned: dict[str, tuple[Detection, ...]]) -> ParsedAnswer:
        good = tuple(
            found for found in answer.detections if best_iou(found, returned[found.label]) >= SAME_OBJECT
        )
        lost = len(answer.detections) - len(good)
        kept = good if self.drops else answer.detections
        return ParsedAnswer(answer.raw, kept, answer.problems + (NOT_VERIFIED,) * lost)


def best_iou(found: Detection, others: Sequence[Detection]) -> float:
    """Return the highest IoU of a box with other boxes of its picture; 0 without any."""
    here = (other for other in others if other.picture == found.picture)
    return max((iou(found.box, other.box) for other in here), default=0.0)
