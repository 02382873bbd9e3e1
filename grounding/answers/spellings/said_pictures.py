"""Which picture a text speaks of: headings (`Image 2:`, `图2：`), mentions in a line, and keys of JSON."""

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
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
      |(?:the\s{{1,9}})?(?:(?P<ordinal>{"|".join(_ORDINALS)})|(?P<nth>\d{{1,3}})(?:st|nd|rd|th))
        \s{{1,9}}(?:image|picture|photo)\b
      |第\s?(?:(?P<count>\d{{1,3}})|(?P<counted>[{_DIGITS}两]))\s?[张幅个]?\s?(?:图像|图片|照片|图)
      |(?:图像|图片|照片|图)\s?(?:(?P<after>\d{{1,3}})(?![\w%]|\.\d)|(?P<named>[{_DIGITS}]))
    )"""
)
_MORE = r"\s?(?:,|，|、|and|or|&|/|-|to|和|与|至|到)\s?(?:image|picture|img|photo|pic|图|第)?\s?\#?\d"
"""What goes on with another number: `Images 1 and 2`."""

_NAMED = re.compile(
    rf"(?<![\w]){_NAME}(?P<more>{_MORE})?|(?P<several>\b(?:image|picture)s\s{{1,9}}\d)",
    re.IGNORECASE | re.VERBOSE,
)
_AT_END = re.compile(
    rf"[\s,]{{0,9}}(?:[(\[]\s?(?:(?:in|of|from|on)\s{{1,9}})?|\b(?:in|of|from|on)\s{{1,9}}){_NAME}\s?[)\]]?\Z",
    re.IGNORECASE | re.VERBOSE,
)
"""The picture behind the name of an object: `cat (image 2)`, `cat in image 2`."""

_WHOLE_NAME = re.compile(_NAME, re.IGNORECASE | re.VERBOSE)
_HEADING = re.compile(
    rf"""(?:(?:\A|\n)[ \t]*[ \t<>\#*_•·\[(-]{{0,12}}(?:\d{{1,3}}[.)]\s)?
      |(?<=[.;!?。])[ \t]{{0,3}}[*_\[(]{{0,3}})
    (?:(?:in|on|for|from|within)\s{{1,9}}(?:the\s{{1,9}})?|在)?{_NAME}[*_\])>]{{0,3}}[中里上]?
    (?!{_MORE})
    [*_]{{0,3}}(?:[ ]?[:：,，][*_]{{0,3}})?""",
    re.IGNORECASE | re.VERBOSE,
)
_NAME_IN_TOKENS = re.compile(
    "|".join(
        rf"{re.escape(opening)}(?:(?!{re.escape(opening)}).){{0,600}}?(?:{re.escape(closing)}|\Z)"
        for opening, closing in REFS
    )
    + r"|(?<=[\[{:,\s])'[^'\n]{0,600}'(?=\s{0,9}[,:\]}])",
    re.DOTALL,
)
"""Names in tokens and strings in single quotes: what stands in them names no picture."""

_LINE = re.compile(r"\n")
_QUOTE = re.compile(r'\\.|"|\n', re.DOTALL)


class PictureSection(NamedTuple):
    """A part of a text, and the number of the picture in the heading before it, None before the first one."""

    start: int
    end: int
    number: int | None


@dataclass(frozen=True)
class SaidPictures:
    """The parts of a text that its headings make, and the pictures that its lines name beside these.

    `lines` are the places where lines and parts begin. `named` has, by the number of such a place, the
    numbers of the pictures that are named from there on; None stands for several at once.
    """

    sections: tuple[PictureSection, ...]
    lines: tuple[int, ...]
    named: Mapping[int, frozenset[int | None]]

    def named_beside(self, place: int) -> frozenset[int | None]:
        """Return the numbers of the pictures that the line of a place names, beside its heading."""
        return self.named.get(bisect_right(self.lines, place), frozenset())


def find_said_pictures(plain: str) -> SaidPictures:
    """Return where a text speaks of which picture."""
    plain = _without_names(plain)
    headings = list(_HEADING.finditer(plain))
    bounds = [(0, 0), *(match.span() for match in headings), (len(plain), len(plain))]
    numbers = [None, *map(_number, headings)]
    sections = tuple(
        PictureSection(end, following, number)
        for (_, end), (following, _), number in zip(bounds, bounds[1:], numbers, strict=False)
    )
    lines = tuple(
        sorted({match.end() for match in _LINE.finditer(plain)} | {each.start for each in sections})
    )
    named: dict[int, set[int | None]] = {}
    inside = [match.start() for match in headings]
    for match in _NAMED.finditer(plain):
        before = bisect_right(inside, match.start()) - 1
        if before < 0 or headings[before].end() <= match.start():
            number = None if match["several"] or match["more"] else _number(match)
            named.setdefault(bisect_right(lines, match.start()), set()).add(number)
    return SaidPictures(sections, lines, {place: frozenset(found) for place, found in named.items()})


def _without_names(plain: str) -> str:
    """Return the text with its names in tokens and its strings crossed out; a string ends on its line."""
    plain = _NAME_IN_TOKENS.sub(_crossed_out, plain)
    pieces: list[str] = []
    place, start = 0, -1
    for match in _QUOTE.finditer(plain):
        if match.group() == "\n":
            start = -1
        elif match.group() == '"' and start < 0:
            start = match.start()
        elif match.group() == '"':
            pieces += [plain[place:start], "\0" * (match.end() - start)]
            place, start = match.end(), -1
    if start >= 0:  # cut off
        pieces += [plain[place:start], "\0" * (len(plain) - start)]
        place = len(plain)
    return "".join([*pieces, plain[place:]])


def _crossed_out(match: re.Match[str]) -> str:
    return "\0" * len(match.group())


def without_picture(label: str) -> str:
    """Return the name of an object without the picture that is named behind it."""
    found = _AT_END.search(label)
    return label if found is None else label[: found.start()]


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
