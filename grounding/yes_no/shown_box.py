"""How a yes/no question shows the box that it is about: drawn into the picture, or as numbers in the text."""

from typing import TYPE_CHECKING

from grounding.boxes import Box, GridBox

if TYPE_CHECKING:
    from PIL import Image

OUTLINE, SPOTLIGHT, TEXT = "outline", "spotlight", "text"
SHOWS = (OUTLINE, SPOTLIGHT, TEXT)
"""outline: a white line around the box; spotlight: everything around the box dimmed, and the line; text: the
picture as it is, and the box on the 0..1000 grid in the question."""


def draw_shown_box(image: "Image.Image", box: Box, show: str) -> "Image.Image":
    """Return the picture that shows a box, in pixels of the upright image, as "outline" or "spotlight"."""
    from grounding.images.region_pictures import draw_outline, draw_spotlight

    return draw_outline(image, box) if show == OUTLINE else draw_spotlight(image, box)


def write_box(box: GridBox, answer_format: str) -> str:
    """Return a box as text, with the numbers and brackets that answers of this format have."""
    x1, y1, x2, y2 = box
    return f"[{x1}, {y1}, {x2}, {y2}]" if answer_format == "json" else f"({x1},{y1}),({x2},{y2})"
