"""ms-swift: SPLIT.jsonl of messages, images and objects, and images/.

Source of the format: "Custom dataset", "Grounding", of swift.readthedocs.io. Boxes are shares of the image
(`bbox_type: norm1`), from which ms-swift makes the numbers that its template for a model takes; `image_id`
says of which image, where there are several. Answers in JSON keep their numbers, on the 0..1000 grid. Paths
of images begin at the folder: set ROOT_IMAGE_DIR to it.
"""

from collections import Counter
from pathlib import Path
from typing import Any

from grounding.files import write_jsonl
from grounding.record.box_pictures import IMAGE_ID_KEY
from prepare.export.export_types import ExportedData, FormatFacts
from prepare.progress import watched

FORMAT = FormatFacts("JSONL for ms-swift", "images", has_conversations=True)

STEPS = 1000
"""Steps of the grid along each side."""


def save(data: ExportedData, folder: Path) -> Counter[str]:
    """Write the records of each split."""
    for split, rows in data.rows.items():
        write_jsonl(folder / f"{split}.jsonl", map(_row, watched(rows, f"writing {split}")))
    return Counter()


def _row(row: dict[str, Any]) -> dict[str, Any]:
    written = {"messages": row["messages"], "images": row["images"]}
    objects = row.get("objects")
    if not objects:
        return written
    pictures = {IMAGE_ID_KEY: list(objects[IMAGE_ID_KEY])} if IMAGE_ID_KEY in objects else {}
    boxes = [[number / STEPS for number in box] for box in objects.get("bbox") or ()]
    return {
        **written,
        "objects": {"ref": list(objects.get("ref") or ()), "bbox": boxes, **pictures, "bbox_type": "norm1"},
    }
