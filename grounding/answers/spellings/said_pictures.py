"""Which picture a text speaks of: headings (`Image 2:`, `图2：`), mentions in a line, and keys of JSON."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from grounding.answers.spellings.loose_json import LooseText
from grounding.answers.spellings.named_sides import as_number, plain_key
from grounding.answers.spellings.prose_boxes import REFS
from grounding.answers.spellings.written_boxes import SaidPicture

PICTURE_KEYS = (
    "image",
    "picture",
    "img",
    "photo",
    "image_number",
    "picture_number",
    "image_no",
    "picture_no",
)
"""Keys of a picture's number, which counts from 1."""

INDEX_KEYS = (
    *("image_index", "image_id", "image_idx", "img_index", "img_id", "img_idx"),
    *("picture_index", "picture_id", "picture_idx"),
)
"""Keys of a picture's index: some models count it from 0, others from 1."""

_KEYS = frozenset((*PICTURE_KEYS, *INDEX_KEYS))
_DIGITS = "一二三四五六七八九十"
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NAME = (
    # One name of one picture, in words.
    rf"""(?:(?:image|picture|img|photo|pic)(?:\s?(?:no\.?|number))?[\s_\#-]{{0,3}}(?P<number>\d{{1,3}})(?![\w%]|\.\d)
      |(?:the\s+)?(?:(?P<ordinal>{"|".join(_ORDINALS)})|(?P<nth>\d{{1,3}})(?:st|nd|rd|th))\s+(?:image|picture|photo)\b
      |第\s?(?:(?P<count>\d{{1,3}})|(?P<counted>[{_DIGITS}两]))\s?[张幅个]?\s?(?:图像|图片|照片|图)
      |(?:图像|图片|照片|图)\s?(?:(?P<after>\d{{1,3}})(?![\w%]|\.\d)|(?P<named>[{_DIGITS}]))
    )"""
)
_NAMED = re.compile(
    rf"(?<![\w]){_NAME}|(?P<several>\bimages\s+\d|\bpictures\s+\d)", re.IGNORECASE | re.VERBOSE
)
_WHOLE_NAME = re.compile(_NAME, re.IGNORECASE | re.VERBOSE)
_HEADING = re.compile(
    rf"""(?:(?:\A|\n)[ \t>\#*_•·\[(-]{{0,12}}(?:\d{{1,3}}[.)]\s)?|(?<=[.;!?。])[ \t]{{0,3}}[*_\[(]{{0,3}})
    (?:(?:in|on|for|from|within)\s+(?:the\s+)?|在)?{_NAME}[*_\])]{{0,3}}[中里上]?
    (?!\s?(?:,|，|、|and|or|&|/|-|to|和|与|至|到)\s?(?:image|picture|img|photo|pic|图|第)?\s?\#?\d)
    [*_]{{0,3}}(?:[ ]?[:：,，][*_]{{0,3}})?""",
    re.IGNORECASE | re.VERBOSE,
)
_HIDDEN = re.compile(
    # Names in tokens, and strings: what stands in them names no picture.
    "|".join(rf"{re.escape(opening)}.*?(?:{re.escape(closing)}|\Z)" for opening, closing in REFS)
    + r"""|"(?:[^"\\\n]|\\.)*(?:"|\Z)|(?<=[\[{:,\s])'[^'\n]{0,600}'(?=\s{0,9}[,:\]}])""",
    re.DOTALL,
)


class Section(NamedTuple):
    """A part of a text, and the number of the picture in the heading before it, None before the first one."""

    start: int
    end: int
    number: int | None


class Mention(NamedTuple):
    """A place that names a picture; the number is None if it names several."""

    start: int
    number: int | None


def find_sections(plain: str) -> tuple[list[Section], list[Mention]]:
    """Return the parts of a text that its headings make, and the pictures that it names elsewhere."""
    plain = _HIDDEN.sub(lambda match: "\0" * len(match.group()), plain)
    sections: list[Section] = []
    start, number = 0, None
    headings = []
    for match in _HEADING.finditer(plain):
        sections.append(Section(start, match.start(), number))
        start, number = match.end(), _number(match)
        headings.append(match.span())
    sections.append(Section(start, len(plain), number))
    inside = iter(headings)
    heading = next(inside, None)
    mentions = []
    for match in _NAMED.finditer(plain):
        while heading is not None and heading[1] <= match.start():
            heading = next(inside, None)
        if heading is None or match.start() < heading[0]:
            mentions.append(Mention(match.start(), None if match["several"] else _number(match)))
    return sections, mentions


def mentioned_in_line(
    plain: str, place: int, section: Section, mentions: Sequence[Mention]
) -> set[int | None]:
    """Return the numbers of the pictures that a section's line names, beside its heading."""
    start = max(section.start, plain.rfind("\n", 0, place) + 1)
    end = plain.find("\n", place)
    end = min(section.end, end if end >= 0 else section.end)
    return {mention.number for mention in mentions if start <= mention.start < end}


def picture_of_object(plain: Mapping[str, Any]) -> SaidPicture | None:
    """Return the picture that a JSON object names under a key of its own; keys are those of `plain_key`."""
    if _KEYS.isdisjoint(plain):
        return None
    for keys, counts_from_1 in ((PICTURE_KEYS, True), (INDEX_KEYS, False)):
        for key in keys:
            if (number := _number_of_value(plain.get(key))) is not None:
                return SaidPicture(number, counts_from_1)
    return None


def is_picture_key(key: str) -> bool:
    """Tell whether a key of a JSON object names its picture."""
    return plain_key(key) in _KEYS


def picture_of_name(text: str) -> SaidPicture | None:
    """Return the picture whose name is all of a text, such as the key `Image 2`."""
    match = _WHOLE_NAME.fullmatch(text.strip())
    return None if match is None else SaidPicture(_number(match))


def _number_of_value(value: Any) -> int | None:
    number = as_number(value)
    if number is not None:
        return int(number) if number.is_integer() else None
    said = picture_of_name(value.plain) if isinstance(value, LooseText) else None
    return None if said is None else said.number


def _number(match: re.Match[str]) -> int:
    digits = match["number"] or match["nth"] or match["count"] or match["after"]
    if digits:
        return int(digits)
    if match["ordinal"]:
        return _ORDINALS.index(match["ordinal"].lower()) + 1
    return _DIGITS.index((match["counted"] or match["named"]).replace("两", "二")) + 1
