"""The pieces of an answer in each format, taken from answers that the writer writes."""

import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile

from grounding.answers.asked import Asked
from grounding.answers.forms import NOTHING_FOUND
from grounding.answers.writer import CandidateUse, write_answer
from grounding.boxes import GRID, Box, Size
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection

_LABEL = "label-of-this-object"
_DESCRIPTION = "description-of-this-object"
_NUMBERS = (101, 102, 903, 904)
_PICTURE = 6
"""The index of a picture whose number is in no other piece of an answer."""

_CANDIDATE = 777

CANDIDATE = 4
"""The place of a candidate's number among the pieces of an object, behind those of its box."""

Pieces = tuple[str | int | None, ...]
"""Fixed texts, numbers (0 to 3, or CANDIDATE) and label (None) of an object, in their order."""


@dataclass(frozen=True)
class AnswerForm:
    """The pieces of an answer, as the writer writes them.

    `pieces` are the fixed texts, numbers (0 to 3) and label (None) of an object in their order; the last of
    them is the `tail`. An object with a description has only the beginning `undescribed` of the tail, then
    the texts `before` and `behind` its description.
    """

    opening: str
    nothing: str
    pieces: Pieces
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


@cache
def numbered_items(answer_format: str) -> tuple[Pieces, Pieces]:
    """Return the pieces of an object that is named by a candidate's number, and of a corrected candidate."""
    form = answer_form(answer_format)
    kept, corrected = (
        _written(answer_format, 1, use=CandidateUse(_CANDIDATE, is_corrected))[len(form.opening) :]
        for is_corrected in (False, True)
    )
    return _pieces(kept.removesuffix(form.closing)), _pieces(corrected.removesuffix(form.closing))


@dataclass(frozen=True)
class PictureForm:
    """What an answer about several pictures has beside the pieces of an `AnswerForm`.

    A picture's number stands between `before` and `after`, then come the `pieces` of its first object.
    `same` stands between two objects of a picture, None if the second has its number again; `following`,
    before the `before` of the next number.
    """

    before: str
    after: str
    pieces: tuple[str | int | None, ...]
    same: str | None
    following: str


@cache
def picture_form(answer_format: str) -> PictureForm:
    """Return the form of a format's answers about several pictures, taken from what the writer writes."""
    form = answer_form(answer_format)

    def items(*pictures: int) -> str:
        text = _written(answer_format, len(pictures), pictures=pictures)
        return text.removeprefix(form.opening).removesuffix(form.closing)

    plain = _written(answer_format, 1).removeprefix(form.opening).removesuffix(form.closing)
    one = items(_PICTURE)
    before, behind = one.split(str(_PICTURE + 1))
    body = _common_beginning(behind[::-1], plain[::-1])[::-1]
    first = str(form.pieces[0])[len(plain) - len(body) :]
    more = items(_PICTURE, _PICTURE).removeprefix(one)
    return PictureForm(
        before,
        behind.removesuffix(body),
        (first, *form.pieces[1:]),
        None if more.endswith(one) else more.removesuffix(body),
        items(_PICTURE, _PICTURE + 1).removeprefix(one).partition(before)[0],
    )


def _pieces(item: str) -> Pieces:
    slots: dict[str, int | None] = {_LABEL: None}
    slots |= {str(number): n for n, number in enumerate((*_NUMBERS, _CANDIDATE))}
    parts = re.split(f"({'|'.join(slots)})", item)
    return tuple(slots.get(part, part) for part in parts if part)


def _written(
    answer_format: str,
    count: int,
    description: str | None = None,
    *,
    pictures: tuple[int, ...] = (),
    use: CandidateUse | None = None,
) -> str:
    size = Size(GRID, GRID)
    one = Detection(_LABEL, Box(*map(float, _NUMBERS)), description=description)
    detections = [replace(one, picture=picture) for picture in pictures] or [one] * count
    asked = Asked((size,) * (_PICTURE + 2)) if pictures else size
    answer = write_answer(answer_format, detections, asked, [use] * len(detections))
    return fill_placeholders([answer.content], answer.objects)[0]


def _common_beginning(one: str, other: str) -> str:
    return "".join(
        pair[0] for pair in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    )
