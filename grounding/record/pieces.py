"""The checks of a record's pieces: a label, a box, and an answer that spells its boxes itself."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from grounding.answers import forms
from grounding.answers.asked import Asked
from grounding.answers.candidate_numbers import NUMBER_KEY
from grounding.answers.reader import read_answer
from grounding.boxes import GRID, Box, Size
from grounding.files import parse_json
from grounding.markup import BOX_START, find_markup
from grounding.record.contract import Contract
from grounding.record.flaws import (
    BAD_ANSWER,
    BAD_DESCRIPTION,
    BAD_LABEL,
    BAD_NUMBER,
    NOT_FOUR,
    NOT_INTEGER,
    OUT_OF_GRID,
    PICTURE_ORDER,
    PICTURE_UNREAD,
    TWICE_IN_ANSWER,
    UNKNOWN_LABEL,
    WITHOUT_AREA,
    Flaw,
)

_KINDS = {
    forms.OUT_OF_RANGE: OUT_OF_GRID,
    forms.UPSIDE_DOWN: WITHOUT_AREA,
    forms.NO_AREA: WITHOUT_AREA,
    forms.NOT_FOUR_NUMBERS: NOT_FOUR,
    forms.UNLABELLED: BAD_LABEL,
    forms.DUPLICATE: TWICE_IN_ANSWER,
    forms.NO_SUCH_CANDIDATE: BAD_NUMBER,
    forms.CANDIDATE_TWICE: BAD_NUMBER,
}
_PICTURE_PROBLEMS = frozenset({forms.PICTURE_UNNAMED, forms.PICTURE_UNCLEAR, forms.PICTURE_MISSING})

_BOX_KEYS = forms.BOX_KEYS[:3]
"""The keys of a box of four numbers; under others, models write other forms."""

_ON_GRID = Size(GRID, GRID)
_MAX_PIECE = 100


def check_label(label: Any, labels: frozenset[str] | None) -> Iterator[Flaw]:
    """Yield what is wrong with a label; `labels` are those that the card allows, None for any."""
    if not isinstance(label, str) or not label.strip() or find_markup(label):
        yield Flaw(BAD_LABEL, excerpt(label))
    elif labels is not None and label not in labels:
        yield Flaw(UNKNOWN_LABEL, label)


def check_box(box: Any) -> Iterator[Flaw]:
    """Yield what is wrong with a box, which has to be xyxy in whole numbers 0..1000."""
    if not (isinstance(box, list) and len(box) == 4 and all(type(number) in (int, float) for number in box)):
        yield Flaw(NOT_FOUR, excerpt(box))
        return
    if not all(type(number) is int for number in box):
        yield Flaw(NOT_INTEGER, excerpt(box))
    if not all(0 <= number <= GRID for number in box):
        yield Flaw(OUT_OF_GRID, excerpt(box))
    elif not (box[2] > box[0] and box[3] > box[1]):
        yield Flaw(WITHOUT_AREA, excerpt(box))


def check_answer_text(
    text: str, contract: Contract, candidates: Sequence[Box] = (), *, images: int = 1
) -> Iterator[Flaw]:
    """Yield what is wrong with an answer that spells its boxes itself: a JSON list, or grounding tokens.

    `candidates` are those of its question, on the grid: answers can name them by number. `images` is how many
    images it is about: with several, it has to name that of each box.
    """
    if text.strip() in forms.NOTHING_FOUND.values():
        return
    if images > 1:
        reading = read_answer(text, Asked((_ON_GRID,) * images))
        for problem in _PICTURE_PROBLEMS.intersection(reading.problems):
            yield Flaw(PICTURE_UNREAD, f"{problem}: {excerpt(text)}")
        pictures = [detection.picture for detection in reading.detections]
        if pictures != sorted(pictures):
            yield Flaw(PICTURE_ORDER, excerpt(pictures))
    rows = _json_rows(text)
    if contract.is_verbatim and not (rows and all(_has_box(row) or _is_number(row) for row in rows)):
        return
    if rows is not None:
        yield from _check_rows(rows, contract, len(candidates))
    elif contract.answer_format == "json":
        yield Flaw(BAD_ANSWER, excerpt(text))
    elif contract.answer_format is not None or "bbox" in text or BOX_START in text:
        yield from _check_reading(text, contract.labels, Asked((_ON_GRID,) * images, tuple(candidates)))
    # else it is plain text without boxes, and no card promised any


def _check_rows(rows: list[dict[str, Any]], contract: Contract, candidates: int) -> Iterator[Flaw]:
    seen: set[str] = set()
    numbers = [row[NUMBER_KEY] for row in rows if candidates and NUMBER_KEY in row]
    for number in numbers:
        if type(number) is not int or not 0 < number <= candidates or numbers.count(number) > 1:
            yield Flaw(BAD_NUMBER, excerpt(number))
    for row in rows:
        if _has_box(row) or not (candidates and _is_number(row)):
            yield from check_box(next((row[key] for key in _BOX_KEYS if key in row), None))
        label = next((row[key] for key in forms.LABEL_KEYS if key in row), None)
        if not (contract.is_verbatim and label is None):  # a question can name the box
            yield from check_label(label, contract.labels)
        if not contract.is_verbatim and not _is_well_described(row):
            yield Flaw(BAD_DESCRIPTION, excerpt(row))
        if (written := json.dumps(row)) in seen:
            yield Flaw(TWICE_IN_ANSWER, written)
        seen.add(written)


def _is_well_described(row: dict[str, Any]) -> bool:
    """Tell whether a description beside a label, if there is one, is a text that says something."""
    key = next((key for key in forms.LABEL_KEYS if key in row), None)
    texts = [row[name] for name in forms.DESCRIPTION_KEYS if name in row and name != key]
    return all(isinstance(text, str) and bool(text.strip()) for text in texts)


def _check_reading(text: str, labels: frozenset[str] | None, asked: Asked) -> Iterator[Flaw]:
    reading = read_answer(text, asked)
    for problem in reading.problems:
        if problem in _PICTURE_PROBLEMS:
            continue  # found already
        yield Flaw(_KINDS.get(problem, BAD_ANSWER), excerpt(text))
    for detection in reading.detections:
        yield from check_label(detection.label or "-", labels)


def _json_rows(text: str) -> list[dict[str, Any]] | None:
    """Return the objects of an answer that is JSON, fenced or not; None if it is something else."""
    bare = text.strip().removeprefix("```json").removesuffix("```").strip()
    try:
        content = parse_json(bare)
    except ValueError:
        return None
    rows = content if isinstance(content, list) else [content]
    return rows if all(isinstance(row, dict) for row in rows) else None


def _is_number(row: dict[str, Any]) -> bool:
    """Tell whether a row names a candidate."""
    return NUMBER_KEY in row


def _has_box(row: dict[str, Any]) -> bool:
    boxes = [row[key] for key in _BOX_KEYS if key in row]
    is_nested = any(isinstance(box, list) and any(isinstance(item, list) for item in box) for box in boxes)
    return bool(boxes) and not is_nested


def excerpt(value: Any) -> str:
    """Return a value as text of at most 100 characters."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_PIECE else f"{text[: _MAX_PIECE - 3]}..."
