"""The synthetic source's images and parquet files."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from grounding.files import replacing
from prepare.progress import progress_bar
from prepare.shapes.scenes import COLOUR_VALUES, Scene, ShapeSettings

SUPERSAMPLING = 4
"""Shapes are drawn this many times larger and reduced, so that slanted edges are smooth."""

GROUND = (128, 128, 128)
"""Grey is 0 once the image processor has normalised it, which lets a small model learn soonest."""

ROWS_PER_GROUP = 1000

SCHEMA = pa.schema(
    [
        ("image_id", pa.int64()),
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("width", pa.int64()),
        ("height", pa.int64()),
        (
            "objects",
            pa.struct(
                [
                    ("bbox_id", pa.list_(pa.int64())),
                    ("category", pa.list_(pa.int64())),
                    ("bbox", pa.list_(pa.list_(pa.float64()))),
                    ("area", pa.list_(pa.float64())),
                ]
            ),
        ),
    ]
)
"""The columns of detection-datasets/coco."""


def write_split(path: Path, scenes: Sequence[Scene], settings: ShapeSettings, first_id: int) -> None:
    """Draw the scenes and write them as one parquet file; image ids count up from `first_id`."""
    with (
        replacing(path) as file,
        pq.ParquetWriter(file, SCHEMA, compression="snappy") as writer,
        progress_bar(len(scenes), f"drawing {path.name}") as progress,
    ):
        for start in range(0, len(scenes), ROWS_PER_GROUP):
            rows = []
            for offset, scene in enumerate(scenes[start : start + ROWS_PER_GROUP], start):
                rows.append(_make_row(scene, settings, first_id + offset))
                progress.update()
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))


def _make_row(scene: Scene, settings: ShapeSettings, image_id: int) -> dict[str, Any]:
    cell = settings.image_size // settings.cells
    boxes = [[float(edge * cell) for edge in box] for _, box in scene]
    return {
        "image_id": image_id,
        "image": {"bytes": _encode(draw(scene, settings)), "path": f"{image_id:012d}.png"},
        "width": settings.image_size,
        "height": settings.image_size,
        "objects": {
            "bbox_id": [image_id * len(settings.classes) + index for index, _ in scene],
            "category": [index for index, _ in scene],
            "bbox": boxes,
            "area": [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes],
        },
    }


def draw(scene: Scene, settings: ShapeSettings) -> Image.Image:
    """Return a scene as an RGB image; shapes fill their boxes."""
    side = settings.image_size * SUPERSAMPLING
    image = Image.new("RGB", (side, side), GROUND)
    canvas = ImageDraw.Draw(image)
    scale = side // settings.cells
    for index, box in scene:
        colour, shape = settings.classes[index].split(" ")
        x1, y1, x2, y2 = (edge * scale for edge in box)
        right, bottom = x2 - 1, y2 - 1  # Pillow's far edges are inside the shape
        middle_x, middle_y = (x1 + right) / 2, (y1 + bottom) / 2
        corners: dict[str, list[tuple[float, float]]] = {
            "square": [(x1, y1), (right, y1), (right, bottom), (x1, bottom)],
            "triangle": [(middle_x, y1), (right, bottom), (x1, bottom)],
            "diamond": [(middle_x, y1), (right, middle_y), (middle_x, bottom), (x1, middle_y)],
        }
        if shape == "circle":
            canvas.ellipse((x1, y1, right, bottom), fill=COLOUR_VALUES[colour])
        else:
            canvas.polygon(corners[shape], fill=COLOUR_VALUES[colour])
    return image.reduce(SUPERSAMPLING)


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()
