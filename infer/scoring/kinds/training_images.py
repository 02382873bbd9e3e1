"""How many training images have each category, counted in train.jsonl."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from grounding.boxes import GRID, Size
from grounding.errors import UserError
from grounding.files import is_regular, read_jsonl
from grounding.layout import JSONL_FILES
from grounding.record.conversation import parse_record


def count_training_images(dataset: Path) -> dict[str, int] | None:
    """Return the number of images in train.jsonl with an object of each label; None without the file.

    A process counts a file once: a training scores the same data set at every evaluation.

    Raises:
        UserError: a line is not a training record.
    """
    path = dataset / JSONL_FILES["train"]
    if not is_regular(path):
        return None
    state = path.stat()
    return dict(_count_images(path.resolve(), state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=4)
def _count_images(path: Path, modified: int, size: int) -> Mapping[str, int]:
    """Count the images of each label in a file, which is known by its time and size."""
    from tqdm import tqdm

    images: dict[str, set[str]] = {}
    rows = tqdm(read_jsonl(path), desc="training images", unit="record", delay=2, leave=False)
    for line, row in rows:
        try:
            for label, name in _labels_of(row):
                images.setdefault(label, set()).add(name)
        except ValueError as error:
            raise UserError(f"{path}, line {line}: {error}") from error
    return {label: len(names) for label, names in images.items()}


def _labels_of(row: dict[str, Any]) -> set[tuple[str, str]]:
    """Return the labels of the objects in a record's answers, each with its image."""
    objects, images = row.get("objects"), row.get("images")
    if isinstance(objects, Mapping) and isinstance(images, list) and len(images) == 1:
        labels, boxes = objects.get("ref"), objects.get("bbox")
        if isinstance(labels, list) and isinstance(boxes, list) and len(labels) == len(boxes) > 0:
            # The answer names each object with its box: no text has to be read.
            return {(str(label), str(images[0])) for label in labels}
    record = parse_record(row)
    if not record.images:  # a replayed conversation
        return set()
    found = record.read_answers(Size(GRID, GRID)).detections
    return {(item.label, record.images[item.picture]) for item in found}
