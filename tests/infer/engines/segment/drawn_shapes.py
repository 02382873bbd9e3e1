"""Drawn shapes with their true masks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from grounding.boxes import Box
from grounding.images.region_pictures import Mask
from infer.engines.segment.segmenter import Click
from prepare.shapes.picture import GROUND, render_scene
from prepare.shapes.scenes import COLOUR_VALUES, SHAPES, ShapeSettings, draw_scenes


@dataclass(frozen=True, eq=False)
class DrawnShape:
    name: str
    picture: Image.Image
    box: Box
    mask: Mask

    @property
    def click(self) -> Click:
        """A click in the middle."""
        return Click((self.box.x1 + self.box.x2) / 2, (self.box.y1 + self.box.y2) / 2)


def drawn_shapes(pictures: int, side: int = 64, seed: int = 0) -> Iterator[DrawnShape]:
    """Yield the shapes of some pictures; in each, a colour has one shape."""
    classes = [f"{colour} {SHAPES[(at + seed) % len(SHAPES)]}" for at, colour in enumerate(COLOUR_VALUES)]
    settings = ShapeSettings(
        images=pictures, val_images=0, seed=seed, image_size=side, max_objects=3, classes=classes
    )
    for scene in draw_scenes(settings):
        for shape in scene:
            colour = np.array(COLOUR_VALUES[classes[shape[0]].split(" ")[0]]) - GROUND
            alone = np.asarray(render_scene((shape,), settings)) - np.array(GROUND)
            yield DrawnShape(
                classes[shape[0]],
                render_scene(scene, settings),
                Box(*(float(edge * side // settings.cells) for edge in shape[1])),
                alone @ colour / (colour @ colour) >= 0.5,  # half of the pixel is the shape's
            )
