"""The picture of a conversation: its object in the spotlight, the clicks, and the boxes of an answer."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from grounding.boxes import Size
from grounding.images.region_pictures import RegionShape, draw_outline, draw_spotlight
from grounding.samples import Detection
from infer.engines.segment.segmenter import Click
from visualize.app.answers.answer_picture import shown_size
from visualize.draw.colors import assign_colors
from visualize.draw.drawing import draw_detections
from visualize.draw.pictures import resized

RADIUS = 6
"""Pixels of the dot of a click, in the picture as it is shown."""

ON_IT, OFF_IT, RIM = (0, 158, 115), (213, 94, 0), (255, 255, 255)


def draw_talk(
    picture: Image.Image,
    region: RegionShape | None,
    clicks: Sequence[Click],
    found: Sequence[Detection],
    categories: Sequence[str],
) -> Image.Image:
    """Return the picture with a dot for each click, a region in the spotlight, and boxes.

    Where there are boxes, the region has an outline alone: other objects are to be seen, too.
    """
    draw_region = draw_outline if found else draw_spotlight
    lit = picture if region is None else draw_region(picture, region)
    size = shown_size(Size(*picture.size))
    shown, (scaled,) = resized(lit, size, tuple(found))
    shown = draw_detections(shown, scaled, assign_colors((item.label for item in scaled), categories))
    canvas = ImageDraw.Draw(shown)
    for click in clicks:
        x, y = click.x * size.width / picture.width, click.y * size.height / picture.height
        corners = (x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS)
        canvas.ellipse(corners, fill=ON_IT if click.is_positive else OFF_IT, outline=RIM, width=2)
    return shown
