"""Several sampled answers to one question, and the boxes that most of them agree about."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

from grounding.boxes import Box, iou
from grounding.samples import Detection
from infer.asking.answered import Answered, Ask, Item
from infer.asking.combining import SAME_OBJECT, join


def vote(ask: Ask, items: Sequence[Item], *, draws: int) -> list[Answered]:
    """Ask every item `draws` times, and keep the boxes that at least half of the answers hold.

    Boxes of one label with an IoU of SAME_OBJECT, one an answer, are votes for one object. Its box is the
    median of theirs, side by side; its score is the share of answers that voted for it.
    """
    answered = ask(
        [
            Item(replace(item.request, draw=item.request.draw * draws + number), item.size)
            for item in items
            for number in range(draws)
        ]
    )
    voted = []
    for start in range(0, len(answered), draws):
        answers = answered[start : start + draws]
        parts = [(f"draw {number}", answer) for number, answer in enumerate(answers)]
        voted.append(join(parts, count_votes([answer.detections for answer in answers])))
    return voted


def count_votes(answers: Sequence[Sequence[Detection]]) -> list[Detection]:
    """Return the objects that at least half of the answers hold, in the order of their first mention."""
    groups: list[list[Detection]] = []
    for detections in answers:
        free = list(groups)
        for item in detections:
            near = [
                (iou(item.box, group[0].box), -number, group)
                for number, group in enumerate(free)
                if group[0].label == item.label
            ]
            best = max(near, key=lambda pair: pair[:2], default=None)
            if best is not None and best[0] >= SAME_OBJECT:
                best[2].append(item)
                free = [group for group in free if group is not best[2]]
            else:
                groups.append([item])
    return [
        Detection(group[0].label, _median(group), len(group) / len(answers))
        for group in groups
        if 2 * len(group) >= len(answers)
    ]


def _median(group: Sequence[Detection]) -> Box:
    sides = zip(*(item.box.xyxy for item in group), strict=True)
    return Box(*(statistics.median(side) for side in sides))
