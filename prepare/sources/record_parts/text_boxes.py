"""Boxes that a message spells in its text, in any form that the reader of answers knows."""

import re
from collections.abc import Callable, Sequence

from grounding.answers.forms import BOX_KEYS, NOT_FOUR_NUMBERS, PICTURE_UNCLEAR, POINT, TRUNCATED
from grounding.answers.scanner import scan_answer
from grounding.answers.spellings.written_boxes import WrittenBox, number_spans
from grounding.markup import BOX_PLACEHOLDER, IMAGE_PLACEHOLDER, REF_PLACEHOLDER
from prepare.reasons import RECORD_PICTURE_UNKNOWN, RECORD_POINT, RECORD_UNREADABLE, UnusableQueryError
from prepare.source_types import StatedBox

_PLACEHOLDER = re.compile(f"{REF_PLACEHOLDER}|{BOX_PLACEHOLDER}|{IMAGE_PLACEHOLDER}")
_THOUGHT = re.compile(
    r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)|\A(?:(?!<think).)*</think(?:ing)?>", re.DOTALL
)
_SPELLS_BOXES = re.compile(
    # A box key in quotes or a tag of boxes, and numbers after it that are no parts of words.
    rf"""(?:["'“](?:{"|".join(BOX_KEYS)})["'”]|<\|?(?:box|bbox|det|box_start)\b)[^"'{{}}]{{0,40}}(?<![\w.])[0-9]""",
    re.IGNORECASE,
)


_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)%?"
_RUN = re.compile(rf"(?<![\w.-]){_NUMBER}(?:[\s,;()\[\]]{{1,9}}{_NUMBER})*(?![\w%.-])")
"""Numbers with only blanks, commas and brackets between them."""

_ONE_NUMBER = re.compile(_NUMBER)
_BARE = re.compile(r"[-+0-9.,;%\s]*")


def find_text_boxes(
    text: str, *, is_question: bool = False, on_grid: bool = False, about_several: bool = False
) -> tuple[list[WrittenBox], list[WrittenBox]]:
    """Return the boxes that a message states, and those in its thoughts; places are those in the text.

    In a question, four numbers without brackets, keys or tags may be anything; so may be four numbers that
    no box was read from. With coordinates `on_grid`, they can stay; otherwise they might have to change.
    Boxes of a message `about_several` images have the images that the text names.

    Raises:
        UnusableQueryError: numbers that look like a box cannot be read.
    """
    text = _PLACEHOLDER.sub(_blanks, text)
    thoughts = [match.span() for match in _THOUGHT.finditer(text)]
    stated = _scan(text, about_several=about_several)
    if is_question and any(_BARE.fullmatch(text[slice(*box.span)]) for box in stated):
        stated = []
    if not (stated or on_grid) and _has_four_numbers(_THOUGHT.sub(_blanks, text)):
        raise UnusableQueryError(RECORD_UNREADABLE)
    inside: list[WrittenBox] = []
    for start, end in thoughts:
        thought = " " * start + re.sub(r"</?think(?:ing)?>", _blanks, text[start:end])
        inside += _scan(thought, about_several=about_several)
    return stated, inside


def _scan(text: str, *, about_several: bool) -> list[WrittenBox]:
    found = scan_answer(text, about_several=about_several)
    if PICTURE_UNCLEAR in found:
        raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
    boxes = [item for item in found if isinstance(item, WrittenBox)]
    if {NOT_FOUR_NUMBERS, TRUNCATED} & set(found) and (boxes or _SPELLS_BOXES.search(text)):
        raise UnusableQueryError(RECORD_UNREADABLE)
    if POINT in found and (boxes or "point" in text):
        raise UnusableQueryError(RECORD_POINT)
    return boxes


def _has_four_numbers(text: str) -> bool:
    """Tell whether exactly four numbers stand together, as those of a box do."""
    return any(len(_ONE_NUMBER.findall(match.group())) == 4 for match in _RUN.finditer(text))


def stated_box(box: WrittenBox) -> tuple[float, ...] | StatedBox:
    """Return the numbers of a box, with their order and units where the text tells these itself."""
    if box.is_percent:
        return StatedBox(tuple(number / 100 for number in box.numbers), box.order, "relative")
    return box.numbers if box.order is None else StatedBox(box.numbers, box.order, None)


def rewrite_text_boxes(
    text: str,
    boxes: Sequence[WrittenBox],
    pictures: Sequence[int],
    on_grid: Callable[[tuple[float, ...] | StatedBox, int], Sequence[int]],
) -> str:
    """Return a text with grid coordinates in place of the numbers of its boxes; all else stays.

    `pictures` are the indices of the boxes' images.

    Raises:
        UnusableQueryError: the places of a box's numbers are not known.
        UnusableBoxError: raised by `on_grid`.
    """
    places: list[tuple[tuple[int, int], int]] = []
    for box, picture in zip(boxes, pictures, strict=True):
        x1, y1, x2, y2 = on_grid(stated_box(box), picture)
        spans = number_spans(box, text)
        if len(spans) != 4:
            raise UnusableQueryError(RECORD_UNREADABLE)
        numbers = (x1, y1, x2 - x1, y2 - y1) if box.order == "xywh" else (x1, y1, x2, y2)
        places += zip(spans, numbers, strict=True)
    for (start, end), number in sorted(places, reverse=True):
        text = f"{text[:start]}{number}{text[end:]}"
    return text


def _blanks(match: re.Match[str]) -> str:
    return " " * len(match.group())
