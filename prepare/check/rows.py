"""What can be wrong with one record: everything that training would drop, skip or garble."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grounding import answers
from grounding.answers import NOTHING_FOUND, read_answer
from grounding.boxes import GRID, Size
from grounding.categories import find_markup
from grounding.prompts import IMAGE_PLACEHOLDER

REF, BOX = "<ref-object>", "<bbox>"

NOT_JSON = "line is not a JSON object"
BAD_MESSAGES = "messages are not turns of user and assistant"
BAD_IMAGES = "images is not a list of paths"
IMAGE_COUNT = "number of <image> placeholders differs from that of images"
IMAGE_PLACE = "<image> placeholder outside the user's messages"
BAD_OBJECTS = "objects are not lists ref and bbox"
REF_COUNT = "number of <ref-object> placeholders differs from that of objects.ref"
BOX_COUNT = "number of <bbox> placeholders differs from that of objects.bbox"
BOX_FIRST = "<bbox> stands before any <ref-object>"
BAD_LABEL = "label is empty or holds markup"
UNKNOWN_LABEL = "label is not among the card's categories"
NOT_FOUR = "box is not four numbers"
NOT_INTEGER = "box is not in whole numbers"
OUT_OF_RANGE = f"box reaches out of 0..{GRID}"
NO_AREA = "box is upside down or without area"
BAD_ANSWER = "answer cannot be read back"
OTHER_SYSTEM = "system prompt is not the card's"
TWICE_IN_ANSWER = "object is named twice in an answer"

WARNINGS = frozenset({TWICE_IN_ANSWER})
"""What a training run takes as it is; everything else it would drop, skip or garble."""

_PLACEHOLDER = re.compile(f"{re.escape(REF)}|{re.escape(BOX)}")
_PROBLEMS = {
    answers.OUT_OF_RANGE: OUT_OF_RANGE,
    answers.UPSIDE_DOWN: NO_AREA,
    answers.NO_AREA: NO_AREA,
    answers.NOT_FOUR_NUMBERS: NOT_FOUR,
    answers.UNLABELLED: BAD_LABEL,
    answers.DUPLICATE: TWICE_IN_ANSWER,
}
_ANY_SIZE = Size(GRID, GRID)

Problem = tuple[str, str]
"""What is wrong, and the piece that is."""


@dataclass(frozen=True)
class Contract:
    """What the card says about every record; None where there is no card, or it leaves it open."""

    labels: frozenset[str] | None = None
    system_prompt: str | None = None
    answer_format: str | None = None


def check_record(record: Any, contract: Contract) -> Iterator[Problem]:
    """Yield what is wrong with a record."""
    if not isinstance(record, dict):
        yield NOT_JSON, _short(record)
        return
    messages, images = record.get("messages"), record.get("images")
    if not (isinstance(images, list) and images and all(isinstance(name, str) and name for name in images)):
        yield BAD_IMAGES, _short(images)
        images = []
    problem = _find_bad_turn(messages)
    if problem is not None or not isinstance(messages, list):
        yield BAD_MESSAGES, problem or _short(messages)
        return
    yield from _check_placeholders(messages, len(images), record.get("objects"))
    if contract.system_prompt is not None:
        system = messages[0]["content"] if messages[0]["role"] == "system" else ""
        if system.strip() != contract.system_prompt.strip():
            yield OTHER_SYSTEM, _short(system)
    yield from _check_objects(record.get("objects"), contract)
    for message in messages:
        if message["role"] == "assistant" and not _PLACEHOLDER.search(message["content"]):
            yield from _check_text(message["content"], contract)


def _find_bad_turn(messages: Any) -> str | None:
    if not isinstance(messages, list) or not messages:
        return _short(messages)
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            return _short(message)
    roles = [message.get("role") for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    if not turns or len(turns) % 2 or turns != ["user", "assistant"] * (len(turns) // 2):
        return f"roles {', '.join(map(str, roles))}"
    return None


def _check_placeholders(messages: list[dict[str, str]], images: int, objects: Any) -> Iterator[Problem]:
    asked = sum(message["content"].count(IMAGE_PLACEHOLDER) for message in messages)
    if elsewhere := [m for m in messages if m["role"] != "user" and IMAGE_PLACEHOLDER in m["content"]]:
        yield IMAGE_PLACE, _short(elsewhere[0]["content"])
    if images and asked != images:
        yield IMAGE_COUNT, f"{asked} placeholders, {images} images"
    text = "\n".join(message["content"] for message in messages)
    lists = objects if isinstance(objects, dict) else {}
    for placeholder, key, kind in ((REF, "ref", REF_COUNT), (BOX, "bbox", BOX_COUNT)):
        there = lists.get(key)
        if (found := text.count(placeholder)) != (expected := len(there) if isinstance(there, list) else 0):
            yield kind, f"{found} placeholders, {expected} in objects"
    for message in messages:
        marks = _PLACEHOLDER.findall(message["content"])
        if message["role"] == "assistant" and REF in marks and marks[0] == BOX:
            yield BOX_FIRST, _short(message["content"])


def _check_objects(objects: Any, contract: Contract) -> Iterator[Problem]:
    if objects is None:
        return
    if not isinstance(objects, dict) or not all(
        isinstance(objects.get(k, []), list) for k in ("ref", "bbox")
    ):
        yield BAD_OBJECTS, _short(objects)
        return
    labels, boxes = objects.get("ref", []), objects.get("bbox", [])
    for label in labels:
        yield from _check_label(label, contract)
    for box in boxes:
        yield from _check_box(box)
    seen: set[str] = set()
    for pair in zip(labels, boxes, strict=False):
        text = json.dumps(pair)
        if len(labels) == len(boxes) and text in seen:
            yield TWICE_IN_ANSWER, text
        seen.add(text)


def _check_label(label: Any, contract: Contract) -> Iterator[Problem]:
    if not isinstance(label, str) or not label.strip() or find_markup(label):
        yield BAD_LABEL, _short(label)
    elif contract.labels is not None and label not in contract.labels:
        yield UNKNOWN_LABEL, label


def _check_box(box: Any) -> Iterator[Problem]:
    if not (isinstance(box, list) and len(box) == 4 and all(type(number) in (int, float) for number in box)):
        yield NOT_FOUR, _short(box)
        return
    if not all(type(number) is int for number in box):
        yield NOT_INTEGER, _short(box)
    if not all(0 <= number <= GRID for number in box):
        yield OUT_OF_RANGE, _short(box)
    elif not (box[2] > box[0] and box[3] > box[1]):
        yield NO_AREA, _short(box)


def _check_text(text: str, contract: Contract) -> Iterator[Problem]:
    """Check an answer that carries its boxes itself: a JSON list, or grounding tokens."""
    if text.strip() in NOTHING_FOUND.values():
        return
    rows = _read_rows(text)
    if rows is None:
        if contract.answer_format == "json":
            yield BAD_ANSWER, _short(text)
            return
        if contract.answer_format is None and not any(mark in text for mark in ("bbox", answers.BOX_START)):
            return  # somebody's plain text: nothing was promised
        reading = read_answer(text, _ANY_SIZE)
        for problem in reading.problems:
            yield _PROBLEMS.get(problem, BAD_ANSWER), _short(text)
        for detection in reading.detections:
            yield from _check_label(detection.label or "-", contract)
        return
    seen: set[str] = set()
    for row in rows:
        yield from _check_box(next((row[key] for key in answers.BOX_KEYS if key in row), None))
        yield from _check_label(next((row[key] for key in answers.LABEL_KEYS if key in row), None), contract)
        if (written := json.dumps(row)) in seen:
            yield TWICE_IN_ANSWER, written
        seen.add(written)


def _read_rows(text: str) -> list[dict[str, Any]] | None:
    """Return the objects of an answer in Qwen's JSON, None where it is something else."""
    bare = text.strip().removeprefix("```json").removesuffix("```").strip()
    try:
        content = json.loads(bare)
    except ValueError:
        return None
    rows = content if isinstance(content, list) else [content]
    return rows if all(isinstance(row, dict) for row in rows) else None


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."
