"""Drawing: boxes and labels on one picture, sized to the picture."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from grounding.boxes import Box, Size
from grounding.samples import Detection
from visualize.colors import Color, assign_colors, text_color
from visualize.fonts import draw_text, shorten, text_extent, text_width
from visualize.match import Match, Outcome, count_outcomes, match_detections
from visualize.pictures import upright
from visualize.place import Rect, crowding, place_labels

OUTCOME_COLORS: Mapping[Outcome, Color] = {
    Outcome.TRUE_POSITIVE: (0, 158, 115),
    Outcome.WRONG_LABEL: (204, 121, 167),
    Outcome.FALSE_POSITIVE: (213, 94, 0),
    Outcome.MISSED: (240, 228, 66),
}
"""From the palette of Okabe and Ito; a missed object is dashed as well."""

LINES_PER_SIDE = 200
LETTERS_PER_SIDE = 36
SMALLEST_FONT = 9
READABLE_FONT = 13
"""A picture of a sheet's panel is written on in at least this size, up to a 24th of its side."""

CROWDED = 0.15
"""Labels that would fill more than this part of their surroundings are written smaller."""

SMALLEST_SHRINK = 0.7

PAPER: Color = (242, 242, 244)
INK: Color = (30, 30, 30)
NO_LABEL = "(no label)"


@dataclass(frozen=True)
class Mark:
    """A box to draw, in the picture's pixels, with its colour and text.

    `short_text` is what is written where the picture is too narrow for `text`.
    """

    box: Box
    text: str
    short_text: str
    color: Color
    is_dashed: bool = False


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

    Boxes are in the frame of the stored pixels (`visualize.pictures.upright`); `colors` says the colour
    of a label where it shall be that of another picture, too.
    """
    picture, (turned,) = upright(image, detections)
    draw_marks(picture, detection_marks(turned, colors))
    return picture


def draw_matches(
    image: Image.Image, truth: Sequence[Detection], predictions: Sequence[Detection]
) -> Image.Image:
    """Return an image with what was found, wrongly named, invented and missed, and a legend below it."""
    picture, (true, predicted) = upright(image, truth, predictions)
    matches = match_detections(true, predicted)
    draw_marks(picture, match_marks(matches))
    legend = draw_legend(picture.width, pen_for(Size(*picture.size)).font, count_outcomes(matches))
    both = Image.new("RGB", (picture.width, picture.height + legend.height))
    both.paste(picture, (0, 0))
    both.paste(legend, (0, picture.height))
    return both


def detection_marks(detections: Sequence[Detection], colors: Mapping[str, Color] | None = None) -> list[Mark]:
    """Return the marks of objects, coloured by label."""
    own = assign_colors(item.label for item in detections)
    chosen = {**own, **(colors or {})}
    return [
        Mark(item.box, label_text(item), label_name(item.label), chosen[item.label]) for item in detections
    ]


def match_marks(matches: Iterable[Match]) -> list[Mark]:
    """Return the marks of compared objects, coloured by outcome."""
    marks = []
    for match in matches:
        text = label_text(match.detection)
        if match.true_label is not None:
            text = f"{text}, is {label_name(match.true_label)}"
        short, color = label_name(match.detection.label), OUTCOME_COLORS[match.outcome]
        marks.append(Mark(match.detection.box, text, short, color, match.outcome is Outcome.MISSED))
    return marks


def label_text(detection: Detection) -> str:
    """Return what a label says: the name, and the score where there is one."""
    name = label_name(detection.label)
    return name if detection.score is None else f"{name} {detection.score:.2f}"


def label_name(label: str) -> str:
    """Return a label, or what is shown for an empty one."""
    return label or NO_LABEL


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


def draw_legend(width: int, font: int, counts: Mapping[Outcome, int | None]) -> Image.Image:
    """Return a strip that says what the colours of the outcomes mean, and how often each occurs (or None)."""
    above, below = text_extent(font)
    gap, line_height = max(2, font // 2), round((above + below) * 1.35)
    entries = [
        (OUTCOME_COLORS[outcome], outcome.value if count is None else f"{count} {outcome.value}")
        for outcome, count in counts.items()
    ]
    places: list[tuple[int, int]] = []
    x, y = gap, gap
    for _, text in entries:
        extent = above + gap + text_width(text, font)
        if places and x + extent > width - gap:
            x, y = gap, y + line_height
        places.append((x, y))
        x += extent + 2 * gap
    strip = Image.new("RGB", (width, y + above + below + gap), PAPER)
    draw = ImageDraw.Draw(strip)
    for (color, text), (left, top) in zip(entries, places, strict=True):
        draw.rectangle((left, top, left + above - 1, top + above - 1), fill=color, outline=(90, 90, 90))
        text = shorten(text, font, max(0, width - left - above - gap))
        draw_text(draw, left + above + gap, top + above, text, font, INK)
    return strip


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
    texts, sizes = _label_sizes(marks, font, pen.padding, size)
    boxes = [
        (left - pen.edge, top - pen.edge, right + 1 + pen.edge, bottom + 1 + pen.edge)
        for left, top, right, bottom in frames
    ]
    filled = crowding(boxes, sizes)
    if filled > CROWDED:
        font = max(SMALLEST_FONT, round(font * max(SMALLEST_SHRINK, math.sqrt(CROWDED / filled))))
        texts, sizes = _label_sizes(marks, font, pen.padding, size)
    places = place_labels(boxes, sizes, size.width, size.height)
    for mark, place, box in zip(marks, places, boxes, strict=True):
        _draw_leader(draw, place, box, mark.color, pen)
    above, _ = text_extent(font)
    for mark, text, (left, top, right, bottom) in zip(marks, texts, places, strict=True):
        draw.rectangle((left, top, right - 1, bottom - 1), fill=mark.color)
        if text:
            baseline = top + pen.padding // 2 + above
            draw_text(draw, left + pen.padding, baseline, text, font, text_color(mark.color))


def _label_sizes(
    marks: Sequence[Mark], font: int, padding: int, size: Size
) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the texts, shortened to the picture's width, and the labels' widths and heights."""
    above, below = text_extent(font)
    room = size.width - 2 * padding
    texts = [
        mark.text if text_width(mark.text, font) <= room else shorten(mark.short_text, font, room)
        for mark in marks
    ]
    height = above + below + 2 * (padding // 2)
    return texts, [(text_width(text, font) + 2 * padding, height) for text in texts]


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
