"""The pieces of an answer in each format, taken from answers that the writer writes."""

import re
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

from grounding.answers.forms import NOTHING_FOUND
from grounding.answers.writer import CandidateUse, write_answer
from grounding.boxes import GRID, Box, Size
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection

_LABEL = "label-of-this-object"
_DESCRIPTION = "description-of-this-object"
_NUMBERS = (101, 102, 903, 904)
_CANDIDATE = 777

CANDIDATE = 4
"""The place of a candidate's number among the pieces of an object, behind those of its box."""


@dataclass(frozen=True)
class AnswerForm:
    """The pieces of an answer, as the writer writes them.

    `pieces` are the fixed texts, numbers (0 to 3) and label (None) of an object in their order; the last of
    them is the `tail`. An object with a description has only the beginning `undescribed` of the tail, then
    the texts `before` and `behind` its description.
    """

    opening: str
    nothing: str
    pieces: tuple[str | int | None, ...]
    separator: str
    closing: str
    undescribed: str
    before: str
    behind: str

    @property
    def tail(self) -> str:
        """The last piece of an object without a description, a fixed text."""
        assert isinstance(self.pieces[-1], str)
        return self.pieces[-1]


Pieces = tuple[str | int | None, ...]
"""Fixed texts, numbers (0 to 3, or CANDIDATE) and label (None) of an object, in their order."""


@cache
def numbered_items(answer_format: str) -> tuple[Pieces, ...]:
    """Return the pieces of an object that is named by a candidate's number, and of a corrected candidate."""
    form = answer_form(answer_format)
    items = []
    for is_corrected in (False, True):
        text = _written(answer_format, 1, use=CandidateUse(_CANDIDATE, is_corrected))
        items.append(_pieces(text[len(form.opening) :].removesuffix(form.closing)))
    return tuple(items)


@cache
def answer_form(answer_format: str) -> AnswerForm:
    """Return the form of a format's answers, taken from answers that the writer writes."""
    one, two = (_written(answer_format, count) for count in (1, 2))
    empty = NOTHING_FOUND[answer_format]
    opening = _common_beginning(one, empty)
    rest, nothing = one[len(opening) :], empty[len(opening) :]
    closing = _common_beginning(rest[::-1], nothing[::-1])[::-1]
    item = rest.removesuffix(closing)
    separator = two.removeprefix(opening + item).removesuffix(item + closing)
    pieces = _pieces(item)
    described = _written(answer_format, 1, _DESCRIPTION)[len(opening) :].removesuffix(closing)
    before, behind = described.split(_DESCRIPTION)
    shared = _common_beginning(item, before)
    undescribed = str(pieces[-1])[: len(shared) - len(item)] if len(shared) < len(item) else str(pieces[-1])
    return AnswerForm(
        opening, nothing, pieces, separator, closing, undescribed, before.removeprefix(shared), behind
    )


def _pieces(item: str) -> Pieces:
    slots: dict[str, int | None] = {_LABEL: None}
    slots |= {str(number): n for n, number in enumerate((*_NUMBERS, _CANDIDATE))}
    parts = re.split(f"({'|'.join(slots)})", item)
    return tuple(slots.get(part, part) for part in parts if part)


def _written(
    answer_format: str, count: int, description: str | None = None, use: CandidateUse | None = None
) -> str:
    size = Size(GRID, GRID)
    one = Detection(_LABEL, Box(*map(float, _NUMBERS)), description=description)
    answer = write_answer(answer_format, [one] * count, size, [use] * count)
    return fill_placeholders([answer.content], answer.objects)[0]


def _common_beginning(one: str, other: str) -> str:
    return "".join(
        pair[0] for pair in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    )
