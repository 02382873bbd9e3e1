"""The legend: which colour means which outcome."""

from collections.abc import Mapping

from PIL import Image, ImageDraw

from grounding.predictions.outcomes import Outcome
from visualize.draw.colors import Color
from visualize.draw.fonts import draw_text, text_extent, text_width
from visualize.draw.marks import OUTCOME_COLORS

PAPER: Color = (242, 242, 244)
INK: Color = (30, 30, 30)


def draw_legend(width: int, font: int, counts: Mapping[Outcome, int | None]) -> Image.Image:
    """Return a strip with the colour, the name and the count of each outcome; a count of None is left out.

    It is `width` pixels wide, or wider if the longest entry needs more.
    """
    above, below = text_extent(font)
    gap, line_height = max(2, font // 2), round((above + below) * 1.35)
    entries = [
        (OUTCOME_COLORS[outcome], outcome.value if count is None else f"{count} {outcome.value}")
        for outcome, count in counts.items()
    ]
    width = max(width, *(2 * gap + above + gap + text_width(text, font) for _, text in entries))
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
        draw_text(draw, left + above + gap, top + above, text, font, INK)
    return strip
