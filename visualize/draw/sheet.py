"""Sheets: one image's pictures side by side under captions, and several images on one sheet."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from grounding.boxes import Size
from grounding.samples import Detection
from visualize.draw.colors import Color
from visualize.draw.drawing import draw_marks
from visualize.draw.fonts import draw_text, shorten, text_extent, text_width
from visualize.draw.legend import INK, PAPER, draw_legend
from visualize.draw.marks import JUDGED, crowd_marks, detection_marks, match_marks
from visualize.draw.outcomes import Outcome, count_outcomes, match_detections
from visualize.draw.pictures import resized, upright

PANEL_WIDTH = 400
"""Pixels, of a picture with sides 4:3; a wider one gets up to 480, a narrower one no less than 320."""

PANEL_SPREAD = 1.2
TALLEST = 1.6
"""Height of a panel at most, in panel widths."""

SHEET_WIDTH = 1900
"""A contact sheet has as many images in a row as fit into this width."""

GAP = 10
FAINT: Color = (205, 205, 205)
CAPTION_FONT = 15
TITLE_FONT = 20


@dataclass(frozen=True)
class Panel:
    """One picture of an image: what it shows, and the caption.

    With `truth`, the panel shows how `detections` compare with it and its crowd regions; without, crowd
    regions are drawn in grey.
    """

    caption: str
    detections: tuple[Detection, ...]
    truth: tuple[Detection, ...] | None = None
    crowds: tuple[Detection, ...] = ()


def panel_size(size: Size, width: int = PANEL_WIDTH) -> Size:
    """Return the size at which an image of any size is shown, about `width` pixels wide."""
    aspect = size.width / size.height
    wide = min(max(width * math.sqrt(aspect * 3 / 4), width / PANEL_SPREAD), width * PANEL_SPREAD)
    high = wide / aspect
    if high > width * TALLEST:
        wide, high = wide * width * TALLEST / high, width * TALLEST
    return Size(max(1, round(wide)), max(1, round(high)))


def draw_panels(
    image: Image.Image,
    panels: Sequence[Panel],
    *,
    colors: Mapping[str, Color] | None = None,
    width: int = PANEL_WIDTH,
    heading: str = "",
) -> Image.Image:
    """Return one image's panels side by side, each under its caption, all under a heading.

    Boxes and labels are drawn at the size at which they are seen: a small image is enlarged first.
    """
    groups = [group for panel in panels for group in (panel.detections, panel.truth or (), panel.crowds)]
    picture, groups_upright = upright(image, *groups)
    picture, scaled = resized(picture, panel_size(Size(*picture.size), width), *groups_upright)
    cells = []
    for panel, shown, truth, crowds in zip(panels, scaled[::3], scaled[1::3], scaled[2::3], strict=True):
        canvas = picture.copy()
        if panel.truth is None:
            draw_marks(canvas, [*crowd_marks(crowds), *detection_marks(shown, colors)])
        else:
            draw_marks(canvas, match_marks(match_detections(truth, shown, crowds)))
        cells.append(_captioned(canvas, panel.caption, round(width / PANEL_SPREAD)))
    row = _grid(cells, len(cells))
    return _titled(row, heading, CAPTION_FONT) if heading else row


def contact_sheet(
    pictures: Sequence[Image.Image], *, title: str = "", legend: bool = False, columns: int | None = None
) -> Image.Image:
    """Return several pictures on one sheet, with a title line and the legend of the outcomes."""
    widest = max(picture.width for picture in pictures)
    fitting = max(1, (SHEET_WIDTH - GAP) // (widest + GAP))
    body = _grid([_framed(picture) for picture in pictures], min(columns or fitting, len(pictures)))
    if title:
        body = _titled(body, title, TITLE_FONT)
    return _stacked(body, outcome_legend(body.width)) if legend else body


def with_legend(picture: Image.Image) -> Image.Image:
    """Return a picture with the legend of the outcomes below it."""
    return _stacked(picture, outcome_legend(picture.width))


def outcome_legend(width: int) -> Image.Image:
    """Return a strip that says what the colours of the outcomes mean."""
    return draw_legend(width, CAPTION_FONT, dict.fromkeys(JUDGED))


def comparison(
    truth: Sequence[Detection], predictions: Sequence[Detection], crowds: Sequence[Detection] = ()
) -> str:
    """Return in words how predictions compare with the truth: `3 of 4 found, 1 false positive`."""
    counts = count_outcomes(match_detections(truth, predictions, crowds))
    parts = [f"{counts[Outcome.TRUE_POSITIVE]} of {len(truth)} found"]
    parts += [
        f"{counts[outcome]} {outcome.value}"
        for outcome in (Outcome.WRONG_LABEL, Outcome.FALSE_POSITIVE)
        if counts[outcome]
    ]
    return ", ".join(parts)


def _captioned(picture: Image.Image, caption: str, least_width: int) -> Image.Image:
    """Return a picture under its caption, which takes a second line where one is too short."""
    width = max(picture.width, least_width)
    lines = _wrapped(caption, CAPTION_FONT, width, most=2)
    above, below = text_extent(CAPTION_FONT)
    line_height = round((above + below) * 1.2)
    high = len(lines) * line_height + (GAP // 2 if lines else 0)
    cell = Image.new("RGB", (width, high + picture.height), PAPER)
    draw = ImageDraw.Draw(cell)
    for number, line in enumerate(lines):
        draw_text(draw, 0, number * line_height + above, line, CAPTION_FONT, INK)
    cell.paste(picture, (0, high))
    return cell


def _wrapped(text: str, font: int, width: int, most: int) -> list[str]:
    """Return a text in lines no wider than `width`; what does not fit into `most` lines is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and (len(lines) == most or text_width(f"{lines[-1]} {word}", font) <= width):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [shorten(line, font, width) for line in lines]


def _grid(cells: Sequence[Image.Image], columns: int) -> Image.Image:
    """Return cells in rows, each column as wide as its widest cell; captions stay in line."""
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    widths = [max(row[column].width for row in rows if column < len(row)) for column in range(columns)]
    heights = [max(cell.height for cell in row) for row in rows]
    grid = Image.new("RGB", (sum(widths) + GAP * (columns + 1), sum(heights) + GAP * (len(rows) + 1)), PAPER)
    y = GAP
    for row, height in zip(rows, heights, strict=True):
        x = GAP
        for cell, width in zip(row, widths, strict=False):
            grid.paste(cell, (x, y + (height - cell.height if columns == len(cells) else 0)))
            x += width + GAP
        y += height + GAP
    return grid


def _framed(picture: Image.Image) -> Image.Image:
    framed = Image.new("RGB", (picture.width + 2, picture.height + 2), FAINT)
    framed.paste(picture, (1, 1))
    return framed


def _titled(body: Image.Image, title: str, font: int) -> Image.Image:
    """Return a picture under a line of title."""
    above, below = text_extent(font)
    strip = Image.new("RGB", (body.width, GAP + above + below), PAPER)
    text = shorten(title, font, body.width - 2 * GAP)
    draw_text(ImageDraw.Draw(strip), GAP, GAP + above, text, font, INK)
    return _stacked(strip, body)


def _stacked(top: Image.Image, bottom: Image.Image) -> Image.Image:
    both = Image.new("RGB", (max(top.width, bottom.width), top.height + bottom.height), PAPER)
    both.paste(top, (0, 0))
    both.paste(bottom, (0, top.height))
    return both
