"""The boxes in the text that a record teaches, with the places of their tokens.

This is a bridge to inference: its own code says where a box is written, and which states a head reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from grounding.boxes import GRID
from infer.engines.paddle.boxes.box_places import WrittenPlaces, box_places
from infer.engines.token_texts import split_text

NOT_TAUGHT = -100
"""PaddleFormers' label of a token that is not learned."""

NUMBERS = 4
TINY = 1e-6


@dataclass(frozen=True)
class TaughtBox:
    """A box of an answer; places count the tokens of its record.

    `places` are those that `models.heads.box.PLACES` names. `numbers` are xyxy on the grid, and number k has
    the tokens from `places[2 + k] + 1`, one for each digit. `label` is the text and `label_tokens` are the
    places of its tokens. `end` is the place behind the answer.
    """

    label: str
    numbers: tuple[int, ...]
    places: tuple[int, ...]
    label_tokens: range
    end: int


def taught_boxes(labels: Sequence[int], tokenizer: Any, digit_ids: Sequence[int]) -> list[list[TaughtBox]]:
    """Return the boxes of each answer of a record that has some.

    `labels` are those of PaddleFormers: of each token, the next one, NOT_TAUGHT where it is not learned. A
    box that is not written as four whole numbers of the grid, digit by digit, is left out.
    """
    answers, start = [], 0
    for is_taught, run in groupby(labels, lambda label: label != NOT_TAUGHT):
        ids = list(run)
        if is_taught:
            texts = split_text(tokenizer, ids)
            found = box_places("".join(texts), texts, in_thought=False)
            boxes = [_taught(box, ids, texts, digit_ids, start + 1) for box in found]
            if kept := [box for box in boxes if box is not None]:
                answers.append(kept)
        start += len(ids)
    return answers


def _taught(
    box: WrittenPlaces, ids: Sequence[int], texts: Sequence[str], digit_ids: Sequence[int], start: int
) -> TaughtBox | None:
    """Return a box with places that count from the record's first token; None if its digits are no tokens."""
    numbers = []
    for before in box.places[-NUMBERS:]:
        digits = ""
        while before + 1 + len(digits) < len(ids) and ids[before + 1 + len(digits)] in digit_ids:
            digits += str(digit_ids.index(ids[before + 1 + len(digits)]))
        numbers.append(int(digits) if digits and str(int(digits)) == digits else GRID + 1)
    if any(abs(number / GRID - share) > TINY for number, share in zip(numbers, box.shares, strict=True)):
        return None
    label = _label_tokens(box, texts)
    return TaughtBox(
        box.label,
        tuple(numbers),
        tuple(start + place for place in box.places),
        range(start + label.start, start + label.stop),
        start + len(ids),
    )


def _label_tokens(box: WrittenPlaces, texts: Sequence[str]) -> range:
    """Return the tokens that hold a box's label; none where the text spells it differently.

    None either where the answer begins with them: something of each answer has to be learned.
    """
    end = box.places[0] + 1
    for first in range(end - 1, max(0, end - 2 - len(box.label.encode())), -1):
        if box.label and box.label in "".join(texts[first:end]):
            return range(first, end)
    return range(end, end)
