"""The lines of boxes: where they run, and how solid and dashed ones are drawn."""

from PIL import ImageDraw

from grounding.boxes import Box, Size
from visualize.draw.colors import Color, text_color
from visualize.draw.label_places import Rect
from visualize.draw.pen import Pen


def line_rect(box: Box, pen: Pen, size: Size) -> Rect:
    """Return the outermost pixels of a box's line: left, top, right, bottom, inside the picture."""
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


def draw_line(draw: ImageDraw.ImageDraw, rect: Rect, color: Color, pen: Pen, *, is_dashed: bool) -> None:
    """Draw the line of a box, with an edge in black or white that makes it visible on any picture."""
    left, top, right, bottom = rect
    # The edge is drawn first: it shows outside the coloured line and between its dashes.
    if pen.edge or is_dashed:
        around = (left - pen.edge, top - pen.edge, right + pen.edge, bottom + pen.edge)
        draw.rectangle(around, outline=text_color(color), width=pen.line + pen.edge)
    if not is_dashed:
        draw.rectangle(rect, outline=color, width=pen.line)
        return
    dash = max(3, 4 * pen.line)
    inner = pen.line - 1
    for start, end in _dashes(left, right, dash):
        draw.rectangle((start, top, end, min(top + inner, bottom)), fill=color)
        draw.rectangle((start, max(bottom - inner, top), end, bottom), fill=color)
    for start, end in _dashes(top, bottom, dash):
        draw.rectangle((left, start, min(left + inner, right), end), fill=color)
        draw.rectangle((max(right - inner, left), start, right, end), fill=color)


def _dashes(start: int, end: int, dash: int) -> list[tuple[int, int]]:
    """Return the first and last pixel of each dash along a side.

    The side starts and ends with a dash. Gaps are about as long as dashes.
    """
    length = end - start + 1
    pieces = max(1, round((length / dash - 1) / 2) * 2 + 1)
    edges = [start + round(length * number / pieces) for number in range(pieces + 1)]
    return [(edges[number], max(edges[number], edges[number + 1] - 1)) for number in range(0, pieces, 2)]
