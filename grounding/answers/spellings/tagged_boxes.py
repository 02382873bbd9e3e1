"""Boxes in the attributes of tags: `<box x1="10" y1="10" x2="60" y2="40">cat</box>`."""

import re
from typing import Any

from grounding.answers.forms import BOX_KEYS, LABEL_KEYS
from grounding.answers.spellings.loose_json import LooseText, located, read_shares
from grounding.answers.spellings.named_sides import find_sides, plain_key
from grounding.answers.spellings.plain_characters import Piece
from grounding.answers.spellings.written_boxes import Found, written_box

_TAG = re.compile(r"<(?P<name>\w{1,30})\s(?P<attributes>[^<>]{1,500})>(?P<text>[^<>]{0,500})")
_ATTRIBUTE = re.compile(r"""([\w:-]{1,30})\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'<>=/]{1,100}))""")


def read_tags(piece: Piece) -> list[Found]:
    """Read the boxes of tags with named sides, or with an attribute of four numbers."""
    found: list[Found] = []
    for match in _TAG.finditer(piece.plain):
        values = _attributes(piece, match)
        boxes = next((values[name] for name in BOX_KEYS if name in values), None)
        numbers = None if boxes is None else (list(read_shares(boxes.plain, boxes.span[0])), None)
        if (sides := find_sides(values) or numbers) is None:
            continue
        label = next((values[name] for name in LABEL_KEYS if name in values), None)
        span = piece.offset + match.start(), piece.offset + match.start("text")
        found.append(written_box(label or _text_after(piece, match), sides[0], span, sides[1]))
    return found


def _attributes(piece: Piece, match: re.Match[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    start = match.start("attributes")
    for attribute in _ATTRIBUTE.finditer(match["attributes"]):
        place = next(number for number in (2, 3, 4) if attribute[number] is not None)
        first, last = start + attribute.start(place), start + attribute.end(place)
        values[plain_key(attribute[1])] = located(
            piece.label(first, last),
            (piece.offset + first, piece.offset + last),
            piece.plain[first:last],
        )
    return values


def _text_after(piece: Piece, match: re.Match[str]) -> LooseText:
    text = match["text"]
    start = match.start("text") + len(text) - len(text.lstrip())
    end = max(start, match.start("text") + len(text.rstrip()))
    return located(piece.label(start, end), (piece.offset + start, piece.offset + end))
