"""JSON lines that name images: what phrases and records share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grounding.annotations import LARGEST_SIDE
from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import read_jsonl
from prepare.source_types import Annotation, BoxFormat, Place, Query
from prepare.sources.shared.file_patterns import check_outside, find_splits, source_folder
from prepare.sources.shared.identity import check_distinct, derived_id, plain_name
from prepare.sources.shared.listed import ListedImage, ListedSource
from prepare.sources.shared.source_values import brief_value
from prepare.sources.source_settings import SourceSettings

TRAIN_FILES, VAL_FILES = "*.jsonl", "*val*.jsonl"


@dataclass
class Rows:
    """All lines about one image, with their numbers, and the image's size if a line states it."""

    file: Path
    lines: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    size: Size | None = None


def open_jsonl(
    source: SourceSettings,
    usual_boxes: BoxFormat,
    image_of: Callable[[dict[str, Any]], Any],
    queries_of: Callable[[str, Rows], tuple[Query, ...]],
    categories_of: Callable[[Sequence[ListedImage]], tuple[Category, ...] | None],
) -> ListedSource:
    """Read the lines of both splits and group them by image.

    Images are relative to source.images; without it, to the folder of the JSONL file. Ids are derived from
    the images' names as the lines state them.

    Raises:
        UserError: no files, or a line with another format.
    """
    train, val = source.train_files or TRAIN_FILES, source.val_files or VAL_FILES
    folder = source_folder(source, ("**/*",))
    files = find_splits(source, folder, train, val)
    images = folder / source.images if source.images else None
    items = {split: _group_by_image(paths, images, image_of) for split, paths in files.items()}
    every = [item for split in items.values() for item in split]
    outside = check_outside(source, folder, (item.image for item in every))
    check_distinct(item.name for item in every)
    queries = {
        (split, item.name): queries_of(item.name, item.data) for split in items for item in items[split]
    }

    def annotate(item: ListedImage, place: Place) -> Annotation:
        rows: Rows = item.data
        where = f"{rows.file}, line {rows.lines[0][0]}"
        own = queries[place.split, item.name]
        return Annotation(derived_id(item.name), item.name, rows.size, own, place, where, is_numbered=False)

    return ListedSource(
        folder,
        items,
        annotate,
        source.box_format(usual_boxes),
        [(split, path) for split in files for path in files[split]],
        categories_of(every),
        outside,
    )


def _group_by_image(
    paths: Sequence[Path], images: Path | None, image_of: Callable[[dict[str, Any]], Any]
) -> list[ListedImage]:
    found: dict[str, ListedImage] = {}
    for path in paths:
        for line, row in read_jsonl(path):
            where = f"{path}, line {line}"
            name = _image_name(image_of(row), where)
            item = found.setdefault(name, ListedImage(name, (images or path.parent) / name, Rows(path)))
            item.data.lines.append((line, row))
            item.data.size = item.data.size or _size(row, where)
    return sorted(found.values(), key=lambda item: item.name)


def _image_name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where}: no image: the path of one image file is needed")
    return plain_name(value)


def _size(row: dict[str, Any], where: str) -> Size | None:
    width, height = row.get("width"), row.get("height")
    if width is None and height is None:
        return None
    if not (_is_side(width) and _is_side(height)):
        said = f"width {brief_value(width)}, height {brief_value(height)}"
        raise UserError(f"{where}: {said}: two whole numbers, or neither")
    return Size(int(width or 0), int(height or 0))


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_SIDE
