"""The picture of an answer: the visitor's pictures with the boxes that the model found."""

from collections.abc import Sequence

from PIL import Image

from grounding.boxes import Size
from grounding.images.region_pictures import draw_spotlight
from grounding.samples import Detection
from visualize.app.answered_question import AnsweredQuestion
from visualize.draw.colors import assign_colors
from visualize.draw.drawing import draw_detections
from visualize.draw.pictures import resized
from visualize.sheets.grid import TITLE_FONT, add_title, arrange

SHORTEST_SHOWN, LONGEST_SHOWN = 640, 1600
"""Limits in pixels for the longer side: boxes and labels are drawn at the size at which they are seen."""


COLUMNS = 2
"""So many pictures of a question stand beside each other."""

TITLE_SHARE = 18
"""The number of a picture is at least this share of its width high: the page shows them side by side."""


def draw_answer(
    pictures: Sequence[Image.Image], asked: AnsweredQuestion, categories: Sequence[str]
) -> Image.Image:
    """Return the picture with the boxes of an answer, dimmed outside the region that was asked about.

    Several pictures stand beside each other under their numbers, and a label has one colour in all of them.
    """
    colors = assign_colors((item.label for item in asked.detections), categories)
    region = () if asked.region is None else (Detection("", asked.region),)
    drawn = []
    for place, picture in enumerate(pictures):
        size = shown_size(Size(*picture.size))
        found = [item for item in asked.detections if item.picture == place]
        shown, (scaled, regions) = resized(picture, size, found, region)
        if regions:
            shown = draw_spotlight(shown, regions[0].box)
        drawn.append(draw_detections(shown, scaled, colors))
    if len(drawn) == 1:
        return drawn[0]
    font = max(TITLE_FONT, max(item.width for item in drawn) // TITLE_SHARE)
    cells = [add_title(item, f"Image {number}", font) for number, item in enumerate(drawn, start=1)]
    return arrange(cells, min(COLUMNS, len(cells)))


def shown_size(size: Size) -> Size:
    """Return the size at which a picture is shown: small pictures are enlarged, large ones reduced."""
    longest = max(size.width, size.height)
    scale = min(max(longest, SHORTEST_SHOWN), LONGEST_SHOWN) / longest
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))
