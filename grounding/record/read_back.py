"""Whether the objects of a record come back when the reader reads its answers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grounding.answers.asked import Asked
from grounding.answers.candidate_numbers import NUMBER_SIGN
from grounding.answers.forms import CANDIDATE_TWICE, NO_SUCH_CANDIDATE
from grounding.answers.reader import read_answer
from grounding.boxes import GRID, Box, Size
from grounding.markup import BOX_PLACEHOLDER, IMAGE_PLACEHOLDER, REF_PLACEHOLDER
from grounding.record.box_pictures import IMAGE_ID_KEY
from grounding.record.filling import fill_placeholders
from grounding.record.flaws import BAD_NUMBER, LOST_IN_READING, Flaw

_MARKS = re.compile(f"{re.escape(REF_PLACEHOLDER)}|{re.escape(BOX_PLACEHOLDER)}")
_NAMED_MARKS = re.compile(
    rf"{_MARKS.pattern}|(?<={re.escape(REF_PLACEHOLDER)}){NUMBER_SIGN}[0-9]{{1,4}}(?!\d|{re.escape(BOX_PLACEHOLDER)})"
)
"""The same, and numbers of candidates that stand in place of a box."""

_PLAIN_ANSWER = re.compile(rf"{REF_PLACEHOLDER}{BOX_PLACEHOLDER}(?:, {REF_PLACEHOLDER}{BOX_PLACEHOLDER})*")
_PLAIN_LABEL = re.compile(r"[^<>|\"'`()\[\]{}]*")
_ON_GRID = Size(GRID, GRID)
_SHOWN = 160

WRONG_NUMBERS = frozenset({NO_SUCH_CANDIDATE, CANDIDATE_TWICE})
"""Problems of answers that name candidates."""


@dataclass(frozen=True)
class MeantObject:
    """An object that an answer is meant to name, its box on the grid; `label` is None if any will do.

    `picture` is the index of its image.
    """

    label: str | None
    box: tuple[float, ...]
    picture: int = 0


Meant = tuple[MeantObject, ...]


def meant_by_placeholders(
    messages: Sequence[Mapping[str, str]],
    objects: Mapping[str, Any] | None,
    candidates: Sequence[Box] = (),
) -> list[Meant]:
    """Return for each assistant message the objects that its placeholders stand for, in their order.

    A box has the label before it in its message. A box in a message without labels may have any. A number
    behind a label stands for the box of a candidate, given on the grid; one that is not there is left out.

    Raises:
        ValueError, TypeError, AttributeError: `objects` is not of this form.
    """
    given = objects or {}
    labels, boxes = iter(given.get("ref", ())), iter(given.get("bbox", ()))
    pictures = iter(given.get(IMAGE_ID_KEY) or ())
    meant: list[Meant] = []
    for message in messages:
        found, label = [], None
        for mark in (_NAMED_MARKS if candidates else _MARKS).findall(message["content"]):
            if mark.startswith(NUMBER_SIGN):
                found += [MeantObject(label, each.xyxy) for each in candidates[int(mark[1:]) - 1 :][:1]]
            elif mark == REF_PLACEHOLDER:
                label = str(next(labels, mark)).strip()
            elif (box := next(boxes, None)) is not None:
                found.append(MeantObject(label, tuple(int(number) for number in box), next(pictures, 0)))
        if message["role"] == "assistant":
            meant.append(tuple(found))
    return meant


def read_objects(text: str, candidates: Sequence[Box] = (), *, images: int = 1) -> Meant:
    """Return the objects that the reader finds in an answer about so many images, on the grid.

    The candidates are on the grid, too.
    """
    reading = read_answer(text, Asked((_ON_GRID,) * images, tuple(candidates)))
    return tuple(
        MeantObject(found.label, (found.box.x1, found.box.y1, found.box.x2, found.box.y2), found.picture)
        for found in reading.detections
    )


def lost_in_reading(
    text: str, meant: Meant, candidates: Sequence[Box] = (), *, images: int = 1
) -> str | None:
    """Say how the objects that the reader finds in a text differ from those that are meant; None if not.

    `images` is how many images the text is about.
    """
    if leftover := _MARKS.search(text):
        return f"{leftover.group()} is left over in '{_shown(text)}'"
    found = read_objects(text, candidates, images=images)
    if len(found) != len(meant):
        return f"{len(found)} of {len(meant)} objects are read in '{_shown(text)}'"
    for one, other in zip(found, meant, strict=True):
        if any(abs(x - y) > 1e-6 for x, y in zip(one.box, other.box, strict=True)):
            return f"box {list(other.box)} is read as {[round(x) for x in one.box]} in '{_shown(text)}'"
        if one.picture != other.picture:
            return (
                f"box {list(other.box)} of image {other.picture + 1} is read as one of image "
                f"{one.picture + 1} in '{_shown(text)}'"
            )
        if other.label is not None and one.label != other.label:
            return f"label '{other.label}' is read as '{one.label}' in '{_shown(text)}'"
    return None


def check_reading_back(
    messages: Sequence[Mapping[str, str]],
    objects: Mapping[str, Any] | None,
    candidates: Sequence[Box] = (),
) -> Iterator[Flaw]:
    """Yield each answer whose objects do not come back from the text that its placeholders are filled to.

    The record has passed the checks of its form, its labels and its boxes.
    """
    texts = fill_placeholders([message["content"] for message in messages], objects)
    answers = []
    shown = 0
    for message, text in zip(messages, texts, strict=True):
        shown += message["content"].count(IMAGE_PLACEHOLDER) if message["role"] == "user" else 0
        if message["role"] == "assistant":
            answers.append((message["content"], text, max(1, shown)))
    every = meant_by_placeholders(messages, objects, candidates)
    for (content, text, images), meant in zip(answers, every, strict=True):
        has_boxes = BOX_PLACEHOLDER in content or (candidates and REF_PLACEHOLDER in content)
        if not has_boxes or (images == 1 and _surely_reads_back(content, meant)):
            continue
        if problem := lost_in_reading(text, meant, candidates, images=images):
            yield Flaw(LOST_IN_READING, problem)
        if wrong := WRONG_NUMBERS.intersection(
            read_answer(text, Asked((_ON_GRID,) * images, tuple(candidates))).problems
        ):
            yield Flaw(BAD_NUMBER, f"{min(wrong)}: {_shown(text)}")


def _surely_reads_back(content: str, meant: Meant) -> bool:
    """Tell whether an answer is one that `prepare` writes, about plain labels: reading it takes longer."""
    return _PLAIN_ANSWER.fullmatch(content) is not None and all(
        found.label is not None and _PLAIN_LABEL.fullmatch(found.label) for found in meant
    )


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
