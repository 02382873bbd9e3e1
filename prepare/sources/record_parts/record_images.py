"""Which of a record's images each of its boxes is in, and headings for answers that do not say so.

A text names images as models do (`grounding.answers.spellings.said_pictures`). `objects.image_id` names them
for boxes of placeholders; boxes in pixels without it are in the first image, as in ms-swift. Everything else
is never guessed.
"""

import re
from collections.abc import Sequence
from typing import Any

from grounding.answers.forms import PICTURE_HEADING, PICTURE_KEY, PICTURE_MISSING, PICTURE_UNCLEAR
from grounding.answers.picture_numbers import index_pictures
from grounding.answers.scanner import scan_answer
from grounding.answers.spellings.loose_json import located
from grounding.answers.spellings.named_sides import plain_key
from grounding.answers.spellings.said_pictures import picture_of_object
from grounding.answers.spellings.written_boxes import WrittenBox
from grounding.markup import (
    BOX_END,
    BOX_PLACEHOLDER,
    BOX_START,
    IMAGE_PLACEHOLDER,
    REF_END,
    REF_PLACEHOLDER,
    REF_START,
)
from prepare.reasons import (
    RECORD_PICTURE_MISSING,
    RECORD_PICTURE_UNKNOWN,
    RECORD_PICTURES_DISAGREE,
    UnusableQueryError,
)
from prepare.sources.record_parts.placeholder_names import is_json_template

_BOX = f"{BOX_START}(1,2),(3,4){BOX_END}"
_OBJECT = re.compile(r"\{[^{}]*\}")
_ITEM = rf"(?:{REF_PLACEHOLDER}\s*)?{BOX_PLACEHOLDER}(?:\s*{BOX_PLACEHOLDER})*"
_LIST = re.compile(rf"\s*{_ITEM}(?P<more>[\s,;]*{_ITEM})*[\s.]*")
_ONE_ITEM = re.compile(rf"(?P<gap>[\s,;]*)(?P<item>{_ITEM})")
_THOUGHT_END = re.compile(r"\A.*</think(?:ing)?>\s*", re.DOTALL)


def shown_images(turns: Sequence[tuple[str, str]]) -> list[int]:
    """Return for each (role, text) turn how many images were shown so far, at least one."""
    seen, shown = 0, []
    for role, text in turns:
        seen += text.count(IMAGE_PLACEHOLDER) if role == "user" else 0
        shown.append(max(1, seen))
    return shown


def pictures_of_text(boxes: Sequence[WrittenBox], shown: int) -> list[int]:
    """Return the index of the image of each box that a text spells.

    Raises:
        UnusableQueryError: the text does not say it, or names an image that is not there.
    """
    if shown == 1:
        return [0] * len(boxes)
    pictures = []
    for found in index_pictures(boxes, shown):
        if found == PICTURE_MISSING:
            raise UnusableQueryError(RECORD_PICTURE_MISSING)
        if not isinstance(found, str):
            pictures.append(found[1])
    if len(pictures) != len(boxes):
        raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
    return pictures


def pictures_of_rows(rows: Sequence[dict[str, Any]], shown: int) -> list[int]:
    """Return the index of the image of each object of a plain JSON answer, by its own key for that.

    Raises:
        UnusableQueryError: an object does not say it, or names an image that is not there.
    """
    if shown == 1:
        return [0] * len(rows)
    said = [picture_of_object(_plain_row(row)) for row in rows]
    none = WrittenBox("", (0, 0), (0, 0, 1, 1), (0, 0))
    return pictures_of_text([none._replace(picture=picture) for picture in said], shown)


def _plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers and texts of a JSON object as the scanner of answers has them."""
    plain: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, str):
            plain[plain_key(key)] = located(value, (0, 0))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            plain[plain_key(key)] = float(value)
    return plain


def pictures_of_placeholders(
    text: str, shown: int, stated: Sequence[int | None], *, first_is_usual: bool
) -> list[int]:
    """Return the index of the image of each box placeholder of a message.

    `stated` is what `objects.image_id` says of each, None if nothing. Without a word about a box, it is in
    the first image if that is usual for the record's units.

    Raises:
        UnusableQueryError: nothing says it, text and objects disagree, or the image is not there.
    """
    if any(index is not None and not 0 <= index < shown for index in stated):
        raise UnusableQueryError(RECORD_PICTURE_MISSING)
    if shown == 1:
        return [0] * len(stated)
    said = said_of_placeholders(text, shown, len(stated))
    if any(None not in pair and pair[0] != pair[1] for pair in zip(said, stated, strict=True)):
        raise UnusableQueryError(RECORD_PICTURES_DISAGREE)
    known = [other if one is None else one for one, other in zip(said, stated, strict=True)]
    if None in known and not (first_is_usual and known == [None] * len(known)):
        raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
    return [index or 0 for index in known]


def said_of_placeholders(text: str, shown: int, count: int) -> list[int | None]:
    """Return the image that the text itself names for each of its `count` box placeholders, None if none.

    Raises:
        UnusableQueryError: it names one that is not there, or is not clear.
    """
    if not count:
        return []
    label = '"label"' if is_json_template(text) else f"{REF_START}label{REF_END}"
    box = "[1, 2, 3, 4]" if is_json_template(text) else _BOX
    filled = text.replace(f'"{REF_PLACEHOLDER}"', label).replace(REF_PLACEHOLDER, label)
    found = scan_answer(
        filled.replace(BOX_PLACEHOLDER, box).replace(IMAGE_PLACEHOLDER, ""), about_several=True
    )
    boxes = [item for item in found if isinstance(item, WrittenBox)]
    if PICTURE_UNCLEAR in found:
        raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
    if not any(item.picture for item in boxes):
        return [None] * count
    pictures = pictures_of_text(boxes, shown)
    if len(pictures) != count:
        raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
    return [*pictures]


def with_headings(text: str, pictures: Sequence[int]) -> str:
    """Return an answer with placeholders that names the image of each of its boxes.

    JSON gets a key in each object; an answer about one image, a heading; a list, a heading where the image
    changes.

    Raises:
        UnusableQueryError: running text about several images, which no heading can divide.
    """
    if is_json_template(text):
        return _with_keys(text, pictures)
    start = found.end() if (found := _THOUGHT_END.match(text)) else 0
    if len(set(pictures)) == 1 and BOX_PLACEHOLDER not in text[:start]:
        return text[:start] + PICTURE_HEADING.format(number=pictures[0] + 1) + text[start:].lstrip()
    if start or not _LIST.fullmatch(text):
        raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
    left = list(pictures)
    last: int | None = None

    def head(match: re.Match[str]) -> str:
        nonlocal last
        own = {left.pop(0) for _ in range(match["item"].count(BOX_PLACEHOLDER))}
        if len(own) > 1:
            raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
        (picture,) = own
        if picture == last:
            return match.group()
        before, last = "" if last is None else "\n", picture
        return f"{before}{PICTURE_HEADING.format(number=picture + 1)}{match['item']}"

    return _ONE_ITEM.sub(head, text)


def _with_keys(text: str, pictures: Sequence[int]) -> str:
    left = list(pictures)

    def name(match: re.Match[str]) -> str:
        own = {left.pop(0) for _ in range(match.group().count(BOX_PLACEHOLDER))}
        if not own:
            return match.group()
        if len(own) > 1:
            raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
        return f'{{"{PICTURE_KEY}": {own.pop() + 1}, {match.group()[1:].lstrip()}'

    named = _OBJECT.sub(name, text)
    if left:
        raise UnusableQueryError(RECORD_PICTURE_UNKNOWN)
    return named


def needs_headings(text: str, shown: int, pictures: Sequence[int]) -> bool:
    """Tell whether an answer with these boxes of placeholders does not name their images."""
    return bool(pictures) and shown > 1 and None in said_of_placeholders(text, shown, len(pictures))


def stated_indices(value: Any, boxes: int) -> list[int | None]:
    """Return `objects.image_id` for each of so many boxes; ms-swift takes 0 for the ones that it lacks.

    Raises:
        UnusableQueryError: it is not a list of indices, or longer than the boxes.
    """
    if value is None:
        return [None] * boxes
    if not isinstance(value, list) or len(value) > boxes or not all(type(index) is int for index in value):
        raise UnusableQueryError(RECORD_PICTURE_MISSING)
    return [*value, *[0] * (boxes - len(value))]
