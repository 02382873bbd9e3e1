"""The picture of an answer: the visitor's picture with the boxes that the model found."""

from collections.abc import Sequence

from PIL import Image

from grounding.boxes import Size
from grounding.images.region_pictures import draw_spotlight
from grounding.samples import Detection
from visualize.app.answered_question import AnsweredQuestion
from visualize.draw.colors import assign_colors
from visualize.draw.drawing import draw_detections
from visualize.draw.pictures import resized

SHORTEST_SHOWN, LONGEST_SHOWN = 640, 1600
"""Limits in pixels for the longer side: boxes and labels are drawn at the size at which they are seen."""


def draw_answer(picture: Image.Image, asked: AnsweredQuestion, categories: Sequence[str]) -> Image.Image:
    """Return the picture with the boxes of an answer, dimmed outside the region that was asked about."""
    size = shown_size(Size(*picture.size))
    region = () if asked.region is None else (Detection("", asked.region),)
    shown, (scaled, regions) = resized(picture, size, asked.detections, region)
    if regions:
        shown = draw_spotlight(shown, regions[0].box)
    return draw_detections(shown, scaled, assign_colors((item.label for item in scaled), categories))


def shown_size(size: Size) -> Size:
    """Return the size at which a picture is shown: small pictures are enlarged, large ones reduced."""
    longest = max(size.width, size.height)
    scale = min(max(longest, SHORTEST_SHOWN), LONGEST_SHOWN) / longest
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))
