"""Drawing: boxes and labels on one picture, sized to the picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from grounding.boxes import Box, Size
from grounding.samples import Detection
from visualize.draw.colors import Color, text_color
from visualize.draw.fonts import draw_text, shorten, text_extent, text_width
from visualize.draw.label_places import Rect, crowding, place_labels
from visualize.draw.legend import PAPER, draw_legend
from visualize.draw.marks import JUDGED, Mark, detection_marks, match_marks
from visualize.draw.outcomes import count_outcomes, match_detections
from visualize.draw.pictures import upright

LINES_PER_SIDE = 200
LETTERS_PER_SIDE = 36
SMALLEST_FONT = 9
READABLE_FONT = 13
"""A picture of a sheet's panel is written on in at least this size, up to a 24th of its side."""

CROWDED = 0.15
"""Labels that would fill more than this part of their surroundings are written smaller."""

SMALLEST_SHRINK = 0.7

LABELS_AT_MOST = 0.5
"""Labels fill no more than this part of the picture: else scores, then the smallest objects' labels go."""


@dataclass(frozen=True)
class Pen:
    """Widths in pixels: of the boxes' lines, of the edge around them, and the font's size."""

    line: int
    edge: int
    font: int
    padding: int


def draw_detections(
    image: Image.Image, detections: Sequence[Detection], colors: Mapping[str, Color] | None = None
) -> Image.Image:
    """Return an image with its objects drawn on it, as RGB and right side up.

    Boxes are in the frame of the stored pixels (`visualize.draw.pictures.upright`); `colors` says the colour
    of a label where it shall be that of another picture, too.
    """
    picture, (turned,) = upright(image, detections)
    draw_marks(picture, detection_marks(turned, colors))
    return picture


def draw_matches(
    image: Image.Image,
    truth: Sequence[Detection],
    predictions: Sequence[Detection],
    crowds: Sequence[Detection] = (),
) -> Image.Image:
    """Return an image with what was found, wrongly named, invented and missed, and a legend below it."""
    picture, (true, predicted, regions) = upright(image, truth, predictions, crowds)
    matches = match_detections(true, predicted, regions)
    draw_marks(picture, match_marks(matches))
    counts = count_outcomes(matches)
    legend = draw_legend(
        picture.width, pen_for(Size(*picture.size)).font, {outcome: counts[outcome] for outcome in JUDGED}
    )
    both = Image.new("RGB", (legend.width, picture.height + legend.height), PAPER)
    both.paste(picture, (0, 0))
    both.paste(legend, (0, picture.height))
    return both


def pen_for(size: Size) -> Pen:
    """Return the widths that suit a picture of this size."""
    side = math.sqrt(size.width * size.height)
    line = max(1, round(side / LINES_PER_SIDE))
    font = max(SMALLEST_FONT, round(side / LETTERS_PER_SIDE), min(READABLE_FONT, round(side / 24)))
    return Pen(line, 0 if side < 160 else max(1, round(line / 3)), font, max(1, round(font / 5)))


def draw_marks(picture: Image.Image, marks: Sequence[Mark]) -> None:
    """Draw marks on an RGB picture: the boxes, the large ones first, then the labels on top of them."""
    if not marks:
        return
    pen = pen_for(Size(*picture.size))
    draw = ImageDraw.Draw(picture)
    frames = [_frame(mark.box, pen, Size(*picture.size)) for mark in marks]
    for mark, frame in sorted(zip(marks, frames, strict=True), key=lambda pair: -pair[0].box.area):
        _draw_frame(draw, frame, mark, pen)
    _draw_labels(draw, marks, frames, pen, Size(*picture.size))


def _frame(box: Box, pen: Pen, size: Size) -> Rect:
    """Return the outer pixels of a box's line, inside the picture."""
    # A small object stays visible inside its line; around a large one the line lies on the box's side.
    is_small = min(box.x2 - box.x1, box.y2 - box.y1) < 6 * pen.line
    out = pen.line if is_small else pen.line // 2
    right, bottom = size.width - 1, size.height - 1
    left, top = round(min(max(box.x1 - out, 0), right)), round(min(max(box.y1 - out, 0), bottom))
    return (
        left,
        top,
        max(left, round(min(max(box.x2 - 1 + out, 0), right))),
        max(top, round(min(max(box.y2 - 1 + out, 0), bottom))),
    )


def _draw_frame(draw: ImageDraw.ImageDraw, frame: Rect, mark: Mark, pen: Pen) -> None:
    left, top, right, bottom = frame
    ground = text_color(mark.color)
    # The line in black or white behind the coloured one shows at its outside and between the dashes.
    if pen.edge or mark.is_dashed:
        around = (left - pen.edge, top - pen.edge, right + pen.edge, bottom + pen.edge)
        draw.rectangle(around, outline=ground, width=pen.line + pen.edge)
    if not mark.is_dashed:
        draw.rectangle(frame, outline=mark.color, width=pen.line)
        return
    dash = max(3, 4 * pen.line)
    inner = pen.line - 1
    for start, end in _dashes(left, right, dash):
        draw.rectangle((start, top, end, min(top + inner, bottom)), fill=mark.color)
        draw.rectangle((start, max(bottom - inner, top), end, bottom), fill=mark.color)
    for start, end in _dashes(top, bottom, dash):
        draw.rectangle((left, start, min(left + inner, right), end), fill=mark.color)
        draw.rectangle((max(right - inner, left), start, right, end), fill=mark.color)


def _dashes(start: int, end: int, dash: int) -> list[tuple[int, int]]:
    """Return dashes along a side: one at each end, gaps of nearly a dash's length between."""
    length = end - start + 1
    pieces = max(1, round((length / dash - 1) / 2) * 2 + 1)
    edges = [start + round(length * number / pieces) for number in range(pieces + 1)]
    return [(edges[number], max(edges[number], edges[number + 1] - 1)) for number in range(0, pieces, 2)]


def _draw_labels(
    draw: ImageDraw.ImageDraw, marks: Sequence[Mark], frames: Sequence[Rect], pen: Pen, size: Size
) -> None:
    font = pen.font
    texts = [mark.text for mark in marks]
    sizes = _label_sizes(texts, font, pen.padding)
    boxes = [
        (left - pen.edge, top - pen.edge, right + 1 + pen.edge, bottom + 1 + pen.edge)
        for left, top, right, bottom in frames
    ]
    filled = crowding(boxes, sizes)
    if filled > CROWDED:
        font = max(SMALLEST_FONT, round(font * max(SMALLEST_SHRINK, math.sqrt(CROWDED / filled))))
        sizes = _label_sizes(texts, font, pen.padding)
    room = LABELS_AT_MOST * size.width * size.height
    is_short = sum(wide * high for wide, high in sizes) > room
    texts = [
        shorten(mark.short_text, font, size.width - 2 * pen.padding)
        if is_short or wide > size.width
        else mark.text
        for mark, (wide, _) in zip(marks, sizes, strict=True)
    ]
    sizes = _label_sizes(texts, font, pen.padding)
    kept = _largest_that_fit(marks, sizes, room)
    places = place_labels([boxes[n] for n in kept], [sizes[n] for n in kept], size.width, size.height)
    for index, place in zip(kept, places, strict=True):
        _draw_leader(draw, place, boxes[index], marks[index].color, pen)
    above, _ = text_extent(font)
    for index, (left, top, right, bottom) in zip(kept, places, strict=True):
        draw.rectangle((left, top, right - 1, bottom - 1), fill=marks[index].color)
        if texts[index]:
            baseline, color = top + pen.padding // 2 + above, text_color(marks[index].color)
            draw_text(draw, left + pen.padding, baseline, texts[index], font, color)


def _label_sizes(texts: Sequence[str], font: int, padding: int) -> list[tuple[int, int]]:
    """Return the labels' widths and heights."""
    above, below = text_extent(font)
    height = above + below + 2 * (padding // 2)
    return [(text_width(text, font) + 2 * padding, height) for text in texts]


def _largest_that_fit(marks: Sequence[Mark], sizes: Sequence[tuple[int, int]], room: float) -> list[int]:
    """Return the places of the largest marks, one at least, whose labels fill no more than `room` pixels."""
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
