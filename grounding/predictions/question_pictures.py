"""Which images of the annotations belong to one question: those of a record, in its order."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.files import is_regular, read_jsonl
from grounding.layout import JSONL_FILES, SCORED_SPLIT
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.record.conversation import asks_for_boxes, parse_record

KnownImage = tuple[int, Size]
"""The id of an image in the annotations, and its size."""


class AnnotatedImages:
    """The images of COCO annotations by file, handed out in their order.

    A file has an entry for each time that a question shows it, in the order of the records.

    Raises:
        KeyError: an image without id, file_name, width or height.
    """

    def __init__(self, annotations: Mapping[str, Any]) -> None:
        self._entries: dict[str, list[KnownImage]] = {}
        for image in annotations["images"]:
            name = image["file_name"]
            entries = self._entries.setdefault(name, [])
            entries.append((image["id"], Size(image["width"], image["height"])))
            self._entries.setdefault(Path(name).name, entries)

    def take(self, name: str) -> KnownImage | None:
        """Return the next entry of a file, by its path or its name alone; None for an unknown file.

        The last entry stays: what asks about a file once more asks about the same entry.
        """
        found = self._entries.get(name) or self._entries.get(Path(name).name)
        if not found:
            return None
        return found.pop(0) if len(found) > 1 else found[0]


def read_question_pictures(dataset: Path, annotations: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """Return the image ids of each question about boxes of the validation split, in the order of its records.

    Without records, and where they are about other images than the annotations, each image of the annotations
    is a question of its own.

    Raises:
        UserError: a record cannot be read.
    """
    alone: list[tuple[int, ...]] = [(image["id"],) for image in annotations["images"]]
    path = dataset / JSONL_FILES[SCORED_SPLIT]
    if not is_regular(path):
        return alone
    rows = [(line, row) for line, row in read_jsonl(path) if asks_for_boxes(row)]
    if all(_shows_one(row) for _, row in rows):
        return alone
    shown = [_images_of(row, f"{path}, line {line}") for line, row in rows]
    try:
        known = AnnotatedImages(annotations)
    except KeyError:
        return alone
    taken = [[known.take(name) for name in names] for names in shown]
    groups = [tuple(entry[0] for entry in entries if entry is not None) for entries in taken]
    in_order = [image_id for group in groups for image_id in group]
    return groups if sorted(in_order) == sorted(image_id for group in alone for image_id in group) else alone


def _shows_one(row: Any) -> bool:
    images = row.get("images") if isinstance(row, dict) else None
    return isinstance(images, list) and len(images) <= 1


def _images_of(row: Any, where: str) -> Sequence[str]:
    """Return the images that the first question of a record shows."""
    try:
        record = parse_record(row)
    except ValueError as error:
        raise UserError(f"{where}: {error}: prepare the data set again") from error
    first = next((turn.text for turn in record.turns if turn.role == "user"), "")
    return record.pictures[: first.count(IMAGE_PLACEHOLDER)]
