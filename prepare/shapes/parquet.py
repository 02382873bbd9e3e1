"""The drawn source as parquet files, in the layout of detection-datasets/coco."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from grounding.files import replacing
from prepare.progress import progress_bar
from prepare.shapes.picture import encode_png, render_scene
from prepare.shapes.scenes import Scene, ShapeSettings, box_in_pixels

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
    boxes = [box_in_pixels(box, settings) for _, box in scene]
    return {
        "image_id": image_id,
        "image": {"bytes": encode_png(render_scene(scene, settings)), "path": f"{image_id:012d}.png"},
        "width": settings.image_size,
        "height": settings.image_size,
        "objects": {
            "bbox_id": [image_id * len(settings.classes) + index for index, _ in scene],
            "category": [index for index, _ in scene],
            "bbox": boxes,
            "area": [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes],
        },
    }
