"""Which name belongs to which box, where placeholders stand for both.

A box belongs to the name in its own JSON object, or to the name before it. Several names before as many boxes
belong to them in order. Everything else is ambiguous, and never guessed.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grounding.markup import BOX_PLACEHOLDER, REF_PLACEHOLDER
from prepare.reasons import RECORD_AMBIGUOUS, UnusableQueryError

_MARK = re.compile(f"{REF_PLACEHOLDER}|{BOX_PLACEHOLDER}")
_OBJECT = re.compile(r"\{[^{}]*\}")
_BLANK = re.compile(r"\s*")
_NEAR = re.compile(r"[\s\"'`:(]*")


@dataclass(frozen=True)
class BoxMark:
    """A placeholder: its message, its place there, and whether it stands for a name; else for a box."""

    message: int
    start: int
    is_name: bool


def find_marks(texts: Sequence[str]) -> list[BoxMark]:
    """Return the placeholders of all messages in their order."""
    return [
        BoxMark(number, match.start(), match.group() == REF_PLACEHOLDER)
        for number, text in enumerate(texts)
        for match in _MARK.finditer(text)
    ]


def is_json_template(text: str) -> bool:
    """Tell whether placeholders stand in JSON objects, where they are filled with JSON."""
    return any(BOX_PLACEHOLDER in match.group() for match in _OBJECT.finditer(text))


def fill_json_template(text: str, labels: Iterator[Any], boxes: Iterator[Sequence[int]]) -> str:
    """Return a message with JSON in place of its placeholders: that is how a JSON answer is trained."""

    def fill(match: re.Match[str]) -> str:
        if match.group() == BOX_PLACEHOLDER:
            return str(list(next(boxes)))
        quoted = json.dumps(next(labels), ensure_ascii=False)
        is_in_quotes = text[match.start() - 1 : match.start()] == text[match.end() : match.end() + 1] == '"'
        return quoted[1:-1] if is_in_quotes else quoted

    return _MARK.sub(fill, text)


def pair_names(turns: Sequence[tuple[str, str]]) -> list[int | None]:
    """Return, for each box placeholder of the (role, text) turns, the position of its name; None without one.

    Raises:
        UnusableQueryError: the places do not tell which name belongs to which box of an answer.
    """
    texts = [text for _, text in turns]
    names: list[int | None] = []
    waiting: list[tuple[int, BoxMark]] = []
    last: int | None = None
    position = 0
    for number, (role, text) in enumerate(turns):
        marks = find_marks([text])
        numbered, position = _number_names(marks, position)
        if role != "assistant":
            names += [None for _, mark in numbered if not mark.is_name]
            waiting = [
                item
                for place, item in enumerate(numbered)
                if item[1].is_name and all(mark.is_name for _, mark in numbered[place + 1 : place + 2])
            ]
            continue
        pair = _pair_in_objects if is_json_template(texts[number]) else _pair_runs
        found = pair(numbered, waiting, text, last)
        names += found
        last = next((name for name in reversed(found) if name is not None), last)
        waiting = []
    return names


def _number_names(marks: Sequence[BoxMark], position: int) -> tuple[list[tuple[int, BoxMark]], int]:
    """Return the marks with the position of each name; of a box, that of the next name."""
    numbered = []
    for mark in marks:
        numbered.append((position, mark))
        position += mark.is_name
    return numbered, position


def _pair_in_objects(
    marks: Sequence[tuple[int, BoxMark]],
    waiting: Sequence[tuple[int, BoxMark]],
    text: str,
    last: int | None,
) -> list[int | None]:
    """Pair the boxes of each JSON object with the names in it."""
    del last
    found: list[int | None] = []
    spans = [match.span() for match in _OBJECT.finditer(text)]
    groups: dict[int, list[tuple[int, BoxMark]]] = {}
    for place, mark in marks:
        own = next((start for start, end in spans if start < mark.start < end), -1)
        groups.setdefault(own, []).append((place, mark))
    for own, group in groups.items():
        names = [place for place, mark in group if mark.is_name]
        boxes = len(group) - len(names)
        if not names and own >= 0:
            names = [place for place, _ in waiting] if len(waiting) == 1 else []
        found += _in_order(names, boxes)
    return found


def _pair_runs(
    marks: Sequence[tuple[int, BoxMark]],
    waiting: Sequence[tuple[int, BoxMark]],
    text: str,
    last: int | None,
) -> list[int | None]:
    """Pair each run of boxes with the run of names before it; the first one's may stand in the question."""
    found: list[int | None] = []
    names, number = list(waiting), 0
    while number < len(marks):
        start = number
        while number < len(marks) and marks[number][1].is_name:
            number += 1
        names = list(marks[start:number]) or names
        first = number
        while number < len(marks) and not marks[number][1].is_name:
            number += 1
        boxes = number - first
        if not boxes:
            break
        if not names:
            found += [last] * boxes
        elif (
            start < first and len(names) > 1 and boxes == 1 and _between(names[-1], marks[first], text, _NEAR)
        ):
            found.append(names[-1][0])
        elif start < first and len(names) > 1 and _between(names[-1], marks[first], text, _BLANK):
            raise UnusableQueryError(RECORD_AMBIGUOUS)  # "no car, but a truck[box][box]"
        else:
            found += _in_order([place for place, _ in names], boxes)
        last, names = found[-1], []
    return found


def _between(
    name: tuple[int, BoxMark], box: tuple[int, BoxMark], text: str, allowed: re.Pattern[str]
) -> bool:
    """Tell whether only what is allowed stands between a name and a box."""
    between = text[name[1].start + len(REF_PLACEHOLDER) : box[1].start]
    return allowed.fullmatch(between) is not None


def _in_order(names: Sequence[int], boxes: int) -> list[int | None]:
    """Return the names of so many boxes: the only one, or one each; None for every box without names.

    Raises:
        UnusableQueryError: neither.
    """
    if boxes and len(names) > 1 and len(names) != boxes:
        raise UnusableQueryError(RECORD_AMBIGUOUS)
    if not names:
        return [None] * boxes
    return [*names] if len(names) > 1 and boxes else [names[0]] * boxes
