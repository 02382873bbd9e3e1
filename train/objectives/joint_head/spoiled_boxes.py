"""Boxes of trained answers that are made wrong, so that a head sees such boxes beside right ones.

This is denoising, as detectors with queries are trained: Li et al., DN-DETR, CVPR 2022 (section 4.2: shifted
and scaled boxes, flipped labels), and Zhang et al., DINO, ICLR 2023 (boxes that match no object any more).

In some answers each box is, by chance, jittered (each side moves by a share of the box), moved elsewhere, or
given another label. The tokens are written in place: a number keeps its count of digits, so that nothing else
of the batch changes. Such a batch is read in a pass of its own, which the model does not learn from. Where it
is the one that the model learns from (apart: false), nothing is learned from the first wrong token to the end
of its answer: the model never learns what to write behind a box that it should not have written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.boxes import GRID, Box, iou
from grounding.samples import Detection
from train.box_head.learned_boxes import MATCHED, match_with_truth
from train.objectives.joint_head.box_batches import BoxRow
from train.objectives.joint_head.joint_settings import JointSettings

JITTERED, WRONG, RELABELLED, RIGHT = range(4)

DIGIT_RANGES = {1: (0, 9), 2: (10, 99), 3: (100, 999), 4: (GRID, GRID)}
"""The numbers of the grid by their count of digits."""

TRIES = 8
"""Places that are drawn for a wrong box; one that is still near its object stays as it is."""


@dataclass(frozen=True, eq=False)
class SeenBoxes:
    """The boxes of a batch as the head sees them, numpy arrays with a row each.

    `places` (boxes, places) index the states of all tokens, row by row. `written` and `wanted` (boxes, 4) are
    shares of the image; `wanted` counts where `matched` (boxes,) is 1. `changed` (boxes,) is 1 for jittered
    ones. `tokens` are (row, place, id) to write, and `unlearned` the places (row, first, end) of tokens
    that are not learned.
    """

    places: Any
    written: Any
    wanted: Any
    matched: Any
    changed: Any
    tokens: list[tuple[int, int, int]]
    unlearned: list[tuple[int, int, int]]


def make_wrong(
    boxes: Sequence[BoxRow],
    others: dict[int, list[tuple[int, int]]],
    digit_ids: Sequence[int],
    length: int,
    settings: JointSettings,
    chance: Any,
) -> SeenBoxes:
    """Draw wrong boxes for a batch; the same `chance` (a numpy generator) draws the same.

    `length` is that of the batch's rows, and `others` are tokens of other labels (`read_label_table`).
    """
    numbers = [list(box.numbers) for box in boxes]
    labels = [box.label for box in boxes]
    tokens: list[tuple[int, int, int]] = []
    unlearned: list[tuple[int, int, int]] = []
    kinds = _kinds(boxes, settings, chance)
    for place, (box, kind) in enumerate(zip(boxes, kinds, strict=True)):
        if kind == RELABELLED:
            if place in others:
                same = [
                    each
                    for each, it in enumerate(boxes)
                    if (it.row, it.label_end) == (box.row, box.label_end)
                ]
                for each in same:  # boxes may share a label
                    labels[each] = box.other
                written = [(box.row, token_place, token) for token_place, token in others[place]]
                tokens += written
                unlearned.append((box.row, min(token_place for _, token_place, _ in written), box.end))
            continue
        if kind != RIGHT:
            moved = (_jittered if kind == JITTERED else _elsewhere)(box.numbers, settings.jitter, chance)
            if moved != numbers[place]:
                numbers[place] = moved
                tokens += _digit_tokens(box, moved, digit_ids)
                unlearned.append((box.row, min(box.before) + 1, box.end))
    wanted, matched = _match(boxes, numbers, labels)
    places, written, changed = _arrays(boxes, numbers, kinds, length)
    return SeenBoxes(places, written, wanted, matched, changed, tokens, unlearned)


def _arrays(
    boxes: Sequence[BoxRow], numbers: Sequence[list[int]], kinds: Sequence[int], length: int
) -> tuple[Any, Any, Any]:
    """Return the columns `places`, `written` and `changed` of SeenBoxes."""
    import numpy as np

    written_shares = np.array(numbers, "float32").reshape(-1, 4) / GRID
    places = np.array(
        [[box.row * length + each for each in (box.label_end, box.box_end, *box.before)] for box in boxes],
        "int64",
    )
    changed = np.array(
        [
            kind == JITTERED and values != list(box.numbers)
            for box, kind, values in zip(boxes, kinds, numbers, strict=True)
        ],
        "float32",
    )
    return places, written_shares, changed


def _kinds(boxes: Sequence[BoxRow], settings: JointSettings, chance: Any) -> list[int]:
    """Draw what happens to each box; boxes of most answers stay right."""
    shares = [settings.jittered, settings.wrong, settings.relabelled]
    wrong_answers = {
        answer: chance.random() < settings.answers for answer in sorted({box.answer for box in boxes})
    }
    kinds = []
    for box in boxes:
        drawn = chance.random()
        kind = sum(drawn >= sum(shares[: count + 1]) for count in range(len(shares)))
        kinds.append(int(kind) if wrong_answers[box.answer] else RIGHT)
    return kinds


def _jittered(numbers: Sequence[int], jitter: float, chance: Any) -> list[int]:
    """Shift each side by up to `jitter` sides of the box."""
    x1, y1, x2, y2 = numbers
    sides = (x2 - x1, y2 - y1) * 2
    shifted = [
        _with_digits(number, number + side * chance.uniform(-jitter, jitter))
        for number, side in zip(numbers, sides, strict=True)
    ]
    return shifted if _has_area(shifted) else list(numbers)


def _elsewhere(numbers: Sequence[int], jitter: float, chance: Any) -> list[int]:
    """Draw a box anywhere, whose IoU with the true one is too small to match it."""
    del jitter
    true = Box(*map(float, numbers))
    for _ in range(TRIES):
        drawn = [
            int(chance.integers(low, high + 1))
            for low, high in (DIGIT_RANGES[len(str(each))] for each in numbers)
        ]
        x1, y1, x2, y2 = drawn
        drawn = [min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)]
        keeps = all(len(str(one)) == len(str(other)) for one, other in zip(drawn, numbers, strict=True))
        if keeps and _has_area(drawn) and iou(Box(*map(float, drawn)), true) < MATCHED:
            return drawn
    return list(numbers)


def _with_digits(number: int, wanted: float) -> int:
    """Return the number nearest to the wanted one that has as many digits as `number`."""
    low, high = DIGIT_RANGES[len(str(number))]
    return min(max(round(wanted), low), high)


def _has_area(numbers: Sequence[int]) -> bool:
    return numbers[0] < numbers[2] and numbers[1] < numbers[3]


def _digit_tokens(
    box: BoxRow, numbers: Sequence[int], digit_ids: Sequence[int]
) -> list[tuple[int, int, int]]:
    return [
        (box.row, before + 1 + place, digit_ids[int(digit)])
        for before, number in zip(box.before, numbers, strict=True)
        for place, digit in enumerate(str(number))
    ]


def _match(
    boxes: Sequence[BoxRow], numbers: Sequence[Sequence[int]], labels: Sequence[int]
) -> tuple[Any, Any]:
    """Match the boxes of each answer, as they are written now, with those that it should have."""
    import numpy as np

    wanted, matched = np.zeros((len(boxes), 4), "float32"), np.zeros(len(boxes), "float32")
    for answer in sorted({box.answer for box in boxes}):
        own = [place for place, box in enumerate(boxes) if box.answer == answer]
        found = [Detection(str(labels[place]), _shares(numbers[place])) for place in own]
        objects = [Detection(str(boxes[place].label), _shares(boxes[place].numbers)) for place in own]
        for place, box in zip(own, match_with_truth(found, objects), strict=True):
            if box is not None:
                wanted[place], matched[place] = box.xyxy, 1.0
    return wanted, matched


def _shares(numbers: Sequence[int]) -> Box:
    return Box(*(number / GRID for number in numbers))
