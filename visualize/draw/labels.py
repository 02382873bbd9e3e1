"""Labels of boxes: their font size and text, which ones fit, and how they are drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import ImageDraw

from grounding.boxes import Size
from visualize.draw.colors import Color, text_color
from visualize.draw.fonts import draw_text, shorten, text_extent, text_width
from visualize.draw.label_places import Rect, crowding, place_labels
from visualize.draw.marks import Mark
from visualize.draw.pen import SMALLEST_FONT, Pen

CROWDED = 0.15
"""Labels that would fill more than this share of their surroundings get a smaller font."""

SMALLEST_SHRINK = 0.7

LABELS_AT_MOST = 0.5
"""Labels fill at most this share of the picture: scores go first, then labels of the smallest objects."""


@dataclass(frozen=True)
class _Lettering:
    """The texts of all labels in one font size, with the pixels (width, height) that each label takes."""

    font: int
    texts: list[str]
    sizes: list[tuple[int, int]]


def draw_labels(
    draw: ImageDraw.ImageDraw,
    marks: Sequence[Mark],
    lines: Sequence[Rect],
    pen: Pen,
    size: Size,
    taken: Sequence[Rect] = (),
    others: Sequence[Rect] = (),
) -> list[Rect]:
    """Draw the labels of marks near their boxes, as many as fit on a picture of this size.

    `lines` holds the outermost pixels of each box's line (`visualize.draw.box_lines.line_rect`), `taken` the
    labels that are drawn already, `others` the lines of boxes that have these. Labels of marks under others
    are left out where they would hide an object. The labels' places are returned.
    """
    boxes, spared = _around(lines, pen), _around(others, pen)
    room = LABELS_AT_MOST * size.width * size.height
    lettering = _choose_lettering(marks, boxes, pen, size, room)
    kept = _largest_that_fit(marks, lettering.sizes, room)
    found = place_labels(
        [boxes[n] for n in kept],
        [lettering.sizes[n] for n in kept],
        size.width,
        size.height,
        taken,
        [*spared, *(box for n, box in enumerate(boxes) if n not in kept)],
        may_lack=all(mark.is_under for mark in marks),
    )
    places = {index: place for index, place in zip(kept, found, strict=True) if place is not None}
    for index, place in places.items():
        _draw_leader(draw, place, boxes[index], marks[index].color, pen)
    above, _ = text_extent(lettering.font)
    for index, (left, top, right, bottom) in places.items():
        draw.rectangle((left, top, right - 1, bottom - 1), fill=marks[index].color)
        if text := lettering.texts[index]:
            baseline, color = top + pen.padding // 2 + above, text_color(marks[index].color)
            draw_text(draw, left + pen.padding, baseline, text, lettering.font, color)
    return list(places.values())


def _around(lines: Sequence[Rect], pen: Pen) -> list[Rect]:
    """Return the boxes with the edges of their lines; right and bottom are the first pixels outside."""
    return [
        (left - pen.edge, top - pen.edge, right + 1 + pen.edge, bottom + 1 + pen.edge)
        for left, top, right, bottom in lines
    ]


def _choose_lettering(
    marks: Sequence[Mark], boxes: Sequence[Rect], pen: Pen, size: Size, room: float
) -> _Lettering:
    """Return the labels' texts and font: smaller where labels are crowded, short where they do not fit."""
    font = pen.font
    texts = [mark.text for mark in marks]
    sizes = _label_sizes(texts, font, pen.padding)
    filled = crowding(boxes, sizes)
    if filled > CROWDED:
        font = max(SMALLEST_FONT, round(font * max(SMALLEST_SHRINK, math.sqrt(CROWDED / filled))))
        sizes = _label_sizes(texts, font, pen.padding)
    lacks_room = sum(wide * high for wide, high in sizes) > room
    texts = [
        shorten(mark.short_text, font, size.width - 2 * pen.padding)
        if lacks_room or wide > size.width
        else mark.text
        for mark, (wide, _) in zip(marks, sizes, strict=True)
    ]
    return _Lettering(font, texts, _label_sizes(texts, font, pen.padding))


def _label_sizes(texts: Sequence[str], font: int, padding: int) -> list[tuple[int, int]]:
    """Return the labels' widths and heights in pixels."""
    above, below = text_extent(font)
    height = above + below + 2 * (padding // 2)
    return [(text_width(text, font) + 2 * padding, height) for text in texts]


def _largest_that_fit(marks: Sequence[Mark], sizes: Sequence[tuple[int, int]], room: float) -> list[int]:
    """Return the positions of the largest marks whose labels fill at most `room` pixels; at least one."""
    kept: list[int] = []
    for index in sorted(range(len(marks)), key=lambda index: -marks[index].box.area):
        room -= sizes[index][0] * sizes[index][1]
        if kept and room < 0:
            break
        kept.append(index)
    return sorted(kept)


def _draw_leader(draw: ImageDraw.ImageDraw, place: Rect, box: Rect, color: Color, pen: Pen) -> None:
    """Draw a line from a label to its box where the two do not touch."""
    points = []
    for (low, high), (start, end) in (
        ((place[0], place[2] - 1), (box[0], box[2] - 1)),
        ((place[1], place[3] - 1), (box[1], box[3] - 1)),
    ):
        nearest = min(max((low + high) // 2, start), end)
        points.append((min(max(nearest, low), high), nearest))
    (x1, x2), (y1, y2) = points
    if max(abs(x2 - x1), abs(y2 - y1)) > 1:
        draw.line((x1, y1, x2, y2), fill=text_color(color), width=pen.line + 2 * pen.edge)
        draw.line((x1, y1, x2, y2), fill=color, width=pen.line)
