"""Several sampled answers per question, and the boxes that most of them agree on."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from grounding.boxes import Box
from grounding.samples import Detection
from infer.asking.merged_answers import SAME_OBJECT, merge_answers, same_object_iou
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking


@dataclass(frozen=True)
class AskAndVote:
    """Samples `draws` answers per request, and keeps the objects that at least half of them hold."""

    ask: WayOfAsking
    draws: int

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Sample all answers at once, and return the votes for each request."""
        answers = self.ask(
            [
                replace(item, request=replace(item.request, draw=item.request.draw * self.draws + number))
                for item in requests
                for number in range(self.draws)
            ]
        )
        voted = []
        for start in range(0, len(answers), self.draws):
            samples = answers[start : start + self.draws]
            parts = [(f"draw {number}", sample) for number, sample in enumerate(samples)]
            voted.append(merge_answers(parts, count_votes([sample.detections for sample in samples])))
        return voted


def count_votes(answers: Sequence[Sequence[Detection]]) -> list[Detection]:
    """Return the objects that at least half of the answers hold, in the order of their first mention.

    Boxes are grouped by `group_votes`. The object's box is the median of its boxes, side by side; its score
    is the share of answers that voted for it, its description the first one.
    """
    return [
        Detection(
            group[0].label,
            _median(group),
            len(group) / len(answers),
            description=next((item.description for item in group if item.description), None),
            picture=group[0].picture,
        )
        for group in group_votes(answers)
        if 2 * len(group) >= len(answers)
    ]


def group_votes(answers: Sequence[Sequence[Detection]]) -> list[list[Detection]]:
    """Return the boxes of each object, in the order of their first mention.

    Boxes in one picture with one label and an IoU of at least SAME_OBJECT with the first one are votes for
    one object, at most one vote per answer.
    """
    groups: list[list[Detection]] = []
    for detections in answers:
        free = list(groups)
        for item in detections:
            near = [(same_object_iou(item, group[0]), -number, group) for number, group in enumerate(free)]
            best = max(near, key=lambda pair: pair[:2], default=None)
            if best is not None and best[0] >= SAME_OBJECT:
                best[2].append(item)
                free = [group for group in free if group is not best[2]]
            else:
                groups.append([item])
    return groups


def _median(group: Sequence[Detection]) -> Box:
    """Return the median of boxes, side by side."""
    sides = zip(*(item.box.xyxy for item in group), strict=True)
    return Box(*(statistics.median(side) for side in sides))
