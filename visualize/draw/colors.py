"""Colours of labels, chosen by the label's text alone, and readable text on top of them."""

import hashlib
from collections.abc import Iterable, Sequence

Color = tuple[int, int, int]
"""sRGB, 0..255."""

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)

PALETTE: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
    (66, 25, 48),
    (248, 243, 170),
    (92, 41, 0),
    (204, 255, 241),
    (0, 72, 112),
    (174, 219, 244),
    (255, 170, 102),
    (0, 163, 255),
    (0, 214, 156),
)
"""The seven colours of Okabe and Ito without black, then lighter and darker colours of the same hues.

Each added colour is the farthest from all colours before it under normal, protanopic and deuteranopic vision.
Under all three, any two colours differ by at least 17 (CIE76).
Source: Okabe and Ito, Color Universal Design, 2008; vision model of Machado et al., IEEE TVCG 2009.
"""


def label_color(label: str) -> Color:
    """Return the colour of a label. It is the same in every image, in every run and on every machine."""
    return PALETTE[_hashed_position(label)]


def assign_colors(labels: Iterable[str], categories: Sequence[str] = ()) -> dict[str, Color]:
    """Give each label its own colour, or the next free one if another label has taken it.

    Categories choose first, in their order, so that each keeps its colour in all images of a data set. If
    there are more categories than colours, only those among the labels choose. Colours repeat once all are
    taken. The order of `labels` does not matter.
    """
    present = set(labels)
    known = [name for name in categories if name in present or len(categories) <= len(PALETTE)]
    colors: dict[str, Color] = {}
    free = set(range(len(PALETTE)))
    for label in dict.fromkeys([*known, *sorted(present)]):
        wanted = _hashed_position(label)
        steps = ((wanted + step) % len(PALETTE) for step in range(len(PALETTE)))
        position = next((step for step in steps if step in free), wanted)
        free.discard(position)
        colors[label] = PALETTE[position]
    return colors


def text_color(background: Color) -> Color:
    """Return black or white, whichever contrasts more with a background (by at least 4.5)."""
    return max((BLACK, WHITE), key=lambda color: contrast(color, background))


def contrast(first: Color, second: Color) -> float:
    """Return the contrast of two colours, 1 to 21. Source: WCAG 2.1, contrast ratio."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: Color) -> float:
    """Return how bright a colour is, 0 to 1. Source: WCAG 2.1, relative luminance."""
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hashed_position(label: str) -> int:
    digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % len(PALETTE)
