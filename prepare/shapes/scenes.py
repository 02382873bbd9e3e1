"""Scenes: which shapes an image shows, and where."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from grounding.errors import UserError
from grounding.recipe.schema import setting, suggestion

COLOUR_VALUES = {
    "red": (214, 39, 40),
    "green": (44, 160, 44),
    "blue": (31, 90, 200),
    "yellow": (240, 200, 20),
    "purple": (128, 60, 170),
    "orange": (240, 130, 20),
    "black": (30, 30, 30),
}
SHAPES = ("circle", "square", "triangle", "diamond")
LAYOUTS = ("parquet", "yolo", "records")
"""COCO's parquet, YOLO folders, or ms-swift's records."""

SUPERSAMPLING = 4
"""Shapes are drawn this many times larger and then reduced, so that edges can lie between pixels."""

ATTEMPTS = 1000
"""Attempts to find a new image, before the settings are refused as impossible."""

PLACEMENTS = 100
"""Attempts to place an image's objects without overlap, before other objects are drawn."""

CellBox = tuple[int, int, int, int]
Scene = tuple[tuple[int, CellBox], ...]
"""The objects of an image: class index and xyxy in cells, in the order of the classes."""


@dataclass(frozen=True)
class ShapeSettings:
    """How many images, and what is drawn."""

    images: int = setting("training images", 8000)
    val_images: int = setting("validation images", 128)
    seed: int = setting("decides everything that is drawn", 0)
    image_size: int = setting("side of the square images, pixels", 64)
    cells: int = setting(
        "boxes snap to a grid of this many cells a side; 4 times image_size: quarters of pixels", 8
    )
    min_cells: int = setting("side of the smallest shape, in cells", 2)
    max_cells: int = setting("side of the largest shape, in cells", 4)
    max_objects: int = setting("most shapes in an image; each class at most once", 2)
    layout: str = setting("of the files: " + " or ".join(LAYOUTS), "parquet")
    pictures: int = setting("in each question of layout=records", 1)
    classes: list[str] = setting(
        "colour and shape of each class: classes=[red square,red circle]",
        default_factory=lambda: ["red square", "green circle", "blue triangle"],
    )

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise UserError(f"layout: '{self.layout}' is not one of {', '.join(LAYOUTS)}")
        if self.pictures < 1 or (self.pictures > 1 and self.layout != "records"):
            raise UserError(f"pictures={self.pictures}: several in one question need layout=records")
        if self.images % self.pictures or self.val_images % self.pictures:
            raise UserError(
                f"images={self.images}, val_images={self.val_images}: no multiples of "
                f"pictures={self.pictures}, which are asked about together"
            )
        if self.images < 1 or self.val_images < 0:
            raise UserError(
                f"images={self.images}, val_images={self.val_images}: at least 1 and 0 are needed"
            )
        if self.cells < 1 or self.image_size < 1 or (self.image_size * SUPERSAMPLING) % self.cells:
            raise UserError(
                f"cells: {self.cells} cells do not divide an image of {self.image_size} pixels, nor one of "
                f"{SUPERSAMPLING} times as many a side"
            )
        if not 1 <= self.min_cells <= self.max_cells <= self.cells:
            raise UserError(
                f"min_cells={self.min_cells}, max_cells={self.max_cells}, cells={self.cells}: "
                "each must be at least as large as the one before, and the first at least 1"
            )
        for name in self.classes:
            colour, _, shape = name.partition(" ")
            for word, known in ((colour, tuple(COLOUR_VALUES)), (shape, SHAPES)):
                if word not in known:
                    raise UserError(
                        f"classes: '{name}': no '{word}' "
                        f"(there are {', '.join(known)}){suggestion(word, known)}"
                    )
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise UserError(f"classes: {self.classes}: at least one is needed, and each once")
        if not 1 <= self.max_objects <= len(self.classes):
            raise UserError(f"max_objects: {self.max_objects} is not from 1 to {len(self.classes)} classes")


def box_in_pixels(box: CellBox, settings: ShapeSettings) -> tuple[float, ...]:
    """Return a box as xyxy in pixels."""
    return tuple(edge * settings.image_size / settings.cells for edge in box)


def draw_scenes(settings: ShapeSettings) -> Iterator[Scene]:
    """Yield the objects of every image. No two images are the same; objects of an image do not overlap.

    Raises:
        UserError: the settings allow too few different images.
    """
    chance = random.Random(settings.seed)
    seen: set[Scene] = set()
    for _ in range(settings.images + settings.val_images):
        for _ in range(ATTEMPTS):
            scene = _draw_scene(chance, settings)
            if scene is not None and scene not in seen:
                break
        else:
            raise UserError(
                f"images: after {len(seen)} different images no new one was found: ask for fewer, "
                "or allow more cells, sizes or objects"
            )
        seen.add(scene)
        yield scene


def _draw_scene(chance: random.Random, settings: ShapeSettings) -> Scene | None:
    """Return different classes with boxes that do not overlap, or None if no such boxes were found."""
    # Only randrange: it gives the same numbers in all supported versions of Python.
    count = 1 + chance.randrange(settings.max_objects)
    classes = list(range(len(settings.classes)))
    chosen = sorted(classes.pop(chance.randrange(len(classes))) for _ in range(count))
    for _ in range(PLACEMENTS):
        boxes = [_draw_box(chance, settings) for _ in chosen]
        if not any(_overlap(*pair) for pair in itertools.combinations(boxes, 2)):
            return tuple(zip(chosen, boxes, strict=True))
    return None


def _draw_box(chance: random.Random, settings: ShapeSettings) -> CellBox:
    side = settings.min_cells + chance.randrange(settings.max_cells - settings.min_cells + 1)
    x, y = (chance.randrange(settings.cells - side + 1) for _ in range(2))
    return x, y, x + side, y + side


def _overlap(first: CellBox, second: CellBox) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]
