"""What visitors type: questions and the corners of a box, checked before a model sees them."""

import re

from grounding.boxes import Box, Size
from grounding.markup import MARKUP
from visualize.app.texts import AppError

LONGEST_QUESTION = 500
"""Characters."""

LONGEST_REGION = 200
"""Characters of the corners of a box that are read."""

SMALLEST_SIDE = 1.0
"""Pixels of a drawn box."""


def clean_question(text: str) -> str:
    """Return a question without needless white space.

    Raises:
        AppError: the text is too long, or contains control words of the model.
    """
    text = " ".join(_as_text(text).split())
    if len(text) > LONGEST_QUESTION:
        raise AppError("long_phrase", LONGEST_QUESTION)
    if any(mark in text for mark in MARKUP):
        raise AppError("markup", " ".join(MARKUP))
    return text


def clean_label(label: str) -> str:
    """Return a label that a model wrote, without control words, to be part of a question."""
    for mark in MARKUP:
        label = label.replace(mark, " ")
    return " ".join(label.split())[:LONGEST_QUESTION]


def parse_region(text: str, size: Size) -> Box:
    """Read `x1, y1, x2, y2` as a box inside a picture of this size; its corners may come in any order.

    Raises:
        AppError: the text is empty, is not four numbers, or gives a box without area inside the picture.
    """
    words = [word for word in re.split(r"[\s,，;；]+", _as_text(text)[:LONGEST_REGION]) if word]
    if not words:
        raise AppError("no_region")
    try:
        x1, y1, x2, y2 = map(float, words)
    except ValueError as error:
        raise AppError("bad_region") from error
    box = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    if not box.is_finite:
        raise AppError("bad_region")
    box = box.clipped(size)
    if min(box.x2 - box.x1, box.y2 - box.y1) < SMALLEST_SIDE:
        raise AppError("small_region")
    return box


def parse_point(text: str, size: Size) -> tuple[float, float]:
    """Read `x, y` as a point in a picture of this size.

    Raises:
        AppError: the text is not two numbers, or the point is outside of the picture.
    """
    words = [word for word in re.split(r"[\s,，;；]+", _as_text(text)[:LONGEST_REGION]) if word]
    try:
        x, y = map(float, words)
    except ValueError as error:
        raise AppError("no_point") from error
    if not (0 <= x < size.width and 0 <= y < size.height):  # not a number is not inside either
        raise AppError("no_point")
    return x, y


def _as_text(given: object) -> str:
    """Return what a visitor sent as text that can be encoded; a program may send anything in its place."""
    return given.encode("utf-8", "replace").decode() if isinstance(given, str) else ""
