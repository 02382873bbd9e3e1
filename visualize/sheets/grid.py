"""Arranging: captions, titles, frames and grids of pictures, without a word about what they show."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from visualize.draw.colors import Color
from visualize.draw.fonts import draw_text, shorten, text_extent, text_width
from visualize.draw.legend import INK, PAPER

GAP = 10
FRAME: Color = (205, 205, 205)
CAPTION_FONT = 15
TITLE_FONT = 20
CAPTION_LINES = 2


def add_caption(
    picture: Image.Image, caption: str, least_width: int, most_lines: int = CAPTION_LINES
) -> Image.Image:
    """Return a picture under its caption, which takes up to two lines, or more where they are allowed."""
    width = max(picture.width, least_width)
    lines = _wrapped(caption, CAPTION_FONT, width, most=most_lines)
    above, below = text_extent(CAPTION_FONT)
    line_height = round((above + below) * 1.2)
    high = len(lines) * line_height + (GAP // 2 if lines else 0)
    cell = Image.new("RGB", (width, high + picture.height), PAPER)
    draw = ImageDraw.Draw(cell)
    for number, line in enumerate(lines):
        draw_text(draw, 0, number * line_height + above, line, CAPTION_FONT, INK)
    cell.paste(picture, (0, high))
    return cell


def add_title(body: Image.Image, title: str, font: int) -> Image.Image:
    """Return a picture under a title of one line."""
    above, below = text_extent(font)
    strip = Image.new("RGB", (body.width, GAP + above + below), PAPER)
    text = shorten(title, font, body.width - 2 * GAP)
    draw_text(ImageDraw.Draw(strip), GAP, GAP + above, text, font, INK)
    return stack(strip, body)


def add_frame(picture: Image.Image) -> Image.Image:
    """Return a picture in a frame one pixel wide."""
    frame = Image.new("RGB", (picture.width + 2, picture.height + 2), FRAME)
    frame.paste(picture, (1, 1))
    return frame


def stack(top: Image.Image, bottom: Image.Image) -> Image.Image:
    """Return two pictures, one below the other."""
    both = Image.new("RGB", (max(top.width, bottom.width), top.height + bottom.height), PAPER)
    both.paste(top, (0, 0))
    both.paste(bottom, (0, top.height))
    return both


def arrange(cells: Sequence[Image.Image], columns: int) -> Image.Image:
    """Return pictures in rows; a column is as wide as its widest picture.

    The pictures of a single row share their lower side, so that captions of several lines do not shift them.
    """
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    widths = [max(row[column].width for row in rows if column < len(row)) for column in range(columns)]
    heights = [max(cell.height for cell in row) for row in rows]
    sheet = Image.new("RGB", (sum(widths) + GAP * (columns + 1), sum(heights) + GAP * (len(rows) + 1)), PAPER)
    y = GAP
    for row, height in zip(rows, heights, strict=True):
        x = GAP
        for cell, width in zip(row, widths, strict=False):
            sheet.paste(cell, (x, y + (height - cell.height if columns == len(cells) else 0)))
            x += width + GAP
        y += height + GAP
    return sheet


def _wrapped(text: str, font: int, width: int, most: int) -> list[str]:
    """Return a text in at most `most` lines, each cut to `width` pixels."""
    lines: list[str] = []
    for word in text.split():
        if lines and (len(lines) == most or text_width(f"{lines[-1]} {word}", font) <= width):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [shorten(line, font, width) for line in lines]
