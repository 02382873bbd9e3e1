"""What stands in a text: boxes as they are written, with their places, before their numbers mean anything."""

from collections.abc import Sequence
from typing import NamedTuple

from grounding.answers.forms import NOT_FOUR_NUMBERS, POINT
from grounding.answers.spellings.loose_json import LooseNumber, LooseText, read_shares
from grounding.answers.spellings.plain_characters import in_plain_characters
from grounding.samples import Span


class SaidPicture(NamedTuple):
    """The picture of a box as a text names it: its number, and whether that counts from 1 for certain.

    Indices can count from 0 or from 1.
    """

    number: int
    counts_from_1: bool = True


class WrittenBox(NamedTuple):
    """A box in a text: its label, "" without one, and its four numbers, as they are written.

    `label_span` and `span` are the places of label and box. `is_percent` numbers are shares of the image in
    percent, whatever units other boxes have. `order` is xyxy or xywh where names in the text say so. `spans`
    are the places of the numbers (`number_spans`), () where the box has no others. `confidence` is what the
    text states beside the box. `description` is what the text says of the object beside its label, None
    without any, and `description_span` its place. `picture` is the one that the text names for the box, None
    without any.
    """

    label: str
    label_span: Span
    numbers: tuple[float, ...]
    span: Span
    is_percent: bool = False
    order: str | None = None
    spans: tuple[Span, ...] = ()
    confidence: float | None = None
    description: str | None = None
    description_span: Span = (0, 0)
    picture: SaidPicture | None = None


Found = WrittenBox | str
"""A box, or the named problem of a piece that is none (`grounding.answers.forms`)."""


def written_box(
    label: LooseText,
    numbers: Sequence[float],
    span: Span,
    order: str | None = None,
    confidence: float | None = None,
) -> Found:
    """Return the box of these numbers, or what is wrong with them; percents do not mix with other numbers."""
    if len(numbers) != 4:
        return POINT if len(numbers) == 2 else NOT_FOUR_NUMBERS
    spans: tuple[Span, ...] = ()
    is_percent = False
    if located := [number for number in numbers if isinstance(number, LooseNumber)]:
        is_percent = located[0].is_percent
        if is_percent and not len(located) == sum(number.is_percent for number in located) == 4:
            return NOT_FOUR_NUMBERS
        if any(number.is_percent != is_percent for number in located):
            return NOT_FOUR_NUMBERS
        spans = tuple(number.span for number in located) if len(located) == 4 else ()
        numbers = list(map(float, numbers))
    return WrittenBox(label.strip(), label.span, tuple(numbers), span, is_percent, order, spans, confidence)


def number_spans(box: WrittenBox, text: str) -> tuple[Span, ...]:
    """Return the places of a box's four numbers, in their order, in the text that it was read from.

    () where the text has them in another order.
    """
    if box.spans:
        return box.spans
    start, end = box.span
    numbers = list(read_shares(in_plain_characters(text[start:end]), start))
    return tuple(number.span for number in numbers) if tuple(numbers) == box.numbers else ()
