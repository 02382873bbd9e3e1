"""Contact sheets: several images on one picture, with a title and the legend of the outcomes."""

from collections.abc import Sequence

from PIL import Image

from visualize.draw.legend import draw_legend
from visualize.draw.marks import LEGEND_OUTCOMES
from visualize.sheets.grid import CAPTION_FONT, GAP, TITLE_FONT, add_frame, add_title, arrange, stack

SHEET_WIDTH = 1900
"""Largest width in pixels; it sets how many images stand in a row."""


def contact_sheet(
    pictures: Sequence[Image.Image], *, title: str = "", legend: bool = False, columns: int | None = None
) -> Image.Image:
    """Return several pictures on one sheet, with a title line and the legend of the outcomes."""
    widest = max(picture.width for picture in pictures)
    fitting = max(1, (SHEET_WIDTH - GAP) // (widest + GAP))
    body = arrange([add_frame(picture) for picture in pictures], min(columns or fitting, len(pictures)))
    if title:
        body = add_title(body, title, TITLE_FONT)
    return with_legend(body) if legend else body


def side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Return the pictures of one question in a row, or in rows of as many as fit."""
    fitting = max(1, (SHEET_WIDTH - GAP) // (max(picture.width for picture in pictures) + GAP))
    return arrange(pictures, min(fitting, len(pictures)))


def with_legend(picture: Image.Image) -> Image.Image:
    """Return a picture with a strip below it that explains the colours of the outcomes."""
    return stack(picture, draw_legend(picture.width, CAPTION_FONT, dict.fromkeys(LEGEND_OUTCOMES)))
