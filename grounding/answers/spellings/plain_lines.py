"""Boxes beside their labels on a line: `100,100,300,500 person`, `person: (100, 100, 300, 500)`."""

import re
from collections.abc import Iterator, Sequence

from grounding.answers.nothing_found import SEPARATORS
from grounding.answers.spellings.list_marks import list_mark_length
from grounding.answers.spellings.loose_json import (
    SHARE,
    LooseList,
    LooseNumber,
    LooseText,
    located,
    read_shares,
)
from grounding.answers.spellings.named_sides import find_sides, plain_key
from grounding.answers.spellings.plain_characters import Piece
from grounding.answers.spellings.written_boxes import Found, written_box
from grounding.samples import Span

LONGEST_LABEL, MOST_WORDS = 60, 6

LONGEST_GAP, LONGEST_LINE = 600, 900
"""Characters; in a string, each of a name's can be escaped by six."""

_NO_LABEL = re.compile(
    # Words of sentences about boxes. What holds one of them is no name.
    r"""\b(?:i|is|are|was|were|at|be|can|has|have|here|there|this|that|these|it|its|answer|result|results|json
        |output|box|boxes|bbox|bboxes|bounding|coordinates?|coords|corners?|position|location|located|found
        |detected|detection|see|image|picture|photo|following|x1|y1|xmin|ymin|size|between|from|to|range)\b
        |[是在为]|坐标|位置|边界框|检测|答案|如下""",
    re.IGNORECASE | re.VERBOSE,
)
_ABOUT_BOXES = re.compile(r"\b(?:b?box|bounding|coordinates?)\b|坐标|边界框", re.IGNORECASE)
_NAMED = re.compile(
    rf"\b([xy][_ ]?(?:[12]|min|max)|left|top|right|bottom)\b\s?[=:]\s?({SHARE})", re.IGNORECASE
)
_AROUND_LABELS = SEPARATORS + "\"'“”‘’=|()[]"
_JOINING = re.compile(r"(?:and|or|with|plus|also|then)\s+", re.IGNORECASE)
_COMMA = r"\s{0,9},\s{0,9}"
_RUN = re.compile(
    rf"(?<![\w.%(\[-])(?:{SHARE}(?:{_COMMA}{SHARE})+|{SHARE}(?:[ \t]{{1,4}}{SHARE})+)(?![\w)\]%]|\.[0-9])"
)
"""Numbers with commas between them, or with blanks."""


def read_plain_lines(piece: Piece) -> list[Found]:
    """Read the lines that hold four numbers, or numbers of named sides, and before or after them a label."""
    found: list[Found] = []
    start = 0
    for line in piece.plain.split("\n"):
        if len(line) <= LONGEST_LINE:
            found += _read_line(
                Piece(line, piece.original[start : start + len(line)], piece.offset + start, piece.level)
            )
        start += len(line) + 1
    return found


def _read_line(line: Piece) -> list[Found]:
    runs = [(match.span(), list(_numbers_in(line, match))) for match in _RUN.finditer(line.plain)]
    boxes = [run for run in runs if len(run[1]) == 4]
    if len(boxes) == 1:
        span, order = boxes[0][0], None
        numbers: Sequence[float] = boxes[0][1]
    elif len(named := list(_NAMED.finditer(line.plain))) == 4:
        values = {plain_key(side[1]): _number(line, side) for side in named}
        if (sides := find_sides(values)) is None:
            return []
        (numbers, named_order), span = sides, (named[0].start(), named[-1].end())
        order = named_order
    else:
        return []
    before, after = _name(line, (0, span[0])), _name(line, (span[1], len(line.plain)))
    place = line.offset + span[0], line.offset + span[1]
    if before is None or after is None or (before[0] < before[1] and after[0] < after[1]):
        is_first = before is not None and before[0] == before[1]
        is_box = is_first or _ABOUT_BOXES.search(line.plain) is not None
        return [written_box(located("", (0, 0)), numbers, place, order)] if is_box else []
    name = before if before[0] < before[1] else after
    label = located(line.label(*name), (line.offset + name[0], line.offset + name[1]))
    return [written_box(label, numbers, place, order)]


def _numbers_in(line: Piece, match: re.Match[str]) -> Iterator[LooseNumber]:
    return read_shares(match.group(), line.offset + match.start())


def _number(line: Piece, side: re.Match[str]) -> LooseNumber:
    return next(read_shares(side[2], line.offset + side.start(2)))


def labels_beside(piece: Piece, boxes: Sequence[LooseList]) -> list[LooseText]:
    """Return a label for each bare box in brackets, "" where no name stands beside it on its line.

    The first box tells whether names stand before or after the boxes. A box without a name of its own has
    that of the box before it on its line.
    """
    labels: list[LooseText] = []
    names_first: bool | None = None
    spans = [(box.span[0] - piece.offset, box.span[1] - piece.offset) for box in boxes]
    for place, (start, end) in enumerate(spans):
        previous = spans[place - 1][1] if place else 0
        following = spans[place + 1][0] if place + 1 < len(spans) else len(piece.plain)
        line_start = piece.plain.rfind("\n", previous, start) + 1
        line_end = piece.plain.find("\n", end, following)
        before = _name(piece, (max(line_start, previous), start))
        after = _name(piece, (end, following if line_end < 0 else line_end))
        if names_first is None:
            names_first = before is None or before[0] < before[1]
        name = before if names_first else after
        if names_first and place and not line_start and before is not None and before[0] == before[1]:
            labels.append(labels[-1])
        elif name is None or name[0] == name[1]:
            labels.append(located("", (0, 0)))
        else:
            labels.append(located(piece.label(*name), (piece.offset + name[0], piece.offset + name[1])))
    return labels


def _name(piece: Piece, span: Span) -> Span | None:
    """Return the name in a part of a line, an empty one if there are only separators; None for a sentence."""
    start, end = span
    if end - start > LONGEST_GAP:
        return None
    part = piece.plain[start:end].lstrip(" \t\r")
    if not part.strip(_AROUND_LABELS):
        return end, end
    part = part[list_mark_length(part) :].lstrip(_AROUND_LABELS)
    if (joining := _JOINING.search(part)) is not None and joining.start() == 0:
        part = part[joining.end() :]
    start = end - len(part)
    part = part.rstrip(_AROUND_LABELS)
    if not part:
        return start, start
    return (start, start + len(part)) if is_name(piece.label(start, start + len(part))) else None


def is_name(text: str) -> bool:
    """Tell whether a text can be the name of a thing, and is no sentence about boxes."""
    is_short = len(text) <= LONGEST_LABEL and len(text.split()) <= MOST_WORDS
    return (
        is_short
        and any(map(str.isalpha, text))
        and _NO_LABEL.search(text) is None
        and set("{}[]<>").isdisjoint(text)
    )
