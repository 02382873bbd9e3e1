"""COCO's own JSON (instances_*.json) beside folders of images.

Source of the format: the data format page of cocodataset.org. Boxes are xywh in pixels.
"""

import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import is_regular
from grounding.markup import find_markup
from prepare.source_types import Annotation, BoxFormat, Place, Query, RawObjects
from prepare.sources.shared.file_patterns import check_outside, find_splits, source_folder
from prepare.sources.shared.identity import check_distinct, derived_id, plain_name
from prepare.sources.shared.json_stream import stream_lists
from prepare.sources.shared.listed import ListedImage, ListedSource
from prepare.sources.shared.source_values import (
    LARGEST_ID,
    BadValueError,
    brief_value,
    read_area,
    read_key,
    read_label,
    read_numbers,
    read_side,
    read_text,
    read_whole,
)
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xywh", "pixels")

LISTS = ("categories", "images", "annotations")
TRAIN_FILES, VAL_FILES = "**/instances_train*.json", "**/instances_val*.json"


@dataclass(frozen=True)
class _Image:
    """An entry of `images` with the values of its annotations, in the order of the file."""

    file: Path
    image_id: Any
    size: Size | None
    boxes: list[tuple[float, ...]]
    category_ids: list[Any]
    areas: list[float | None]
    crowds: frozenset[int]


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the annotation files of both splits.

    Image ids are those of the files. If they are not whole numbers, or if one id stands for two images (some
    tools number each split from 0), all ids are derived from the images' paths.

    Raises:
        UserError: no such files, another format, an unknown image folder, or categories that differ.
    """
    del categories  # the files name them
    train, val = source.train_files or TRAIN_FILES, source.val_files or VAL_FILES
    folder = source_folder(source, ("**/*",))
    files = find_splits(source, folder, train, val)
    names: dict[int, str] = {}
    items = {
        split: sorted(
            (item for path in paths for item in _read_file(path, folder, source, names)),
            key=lambda item: item.name,
        )
        for split, paths in files.items()
    }
    outside = check_outside(source, folder, (item.image for split in items.values() for item in split))
    is_numbered = _has_usable_ids([item for split in items.values() for item in split])
    if not is_numbered:
        check_distinct(item.name for split in items.values() for item in split)

    def annotate(item: ListedImage, place: Place) -> Annotation:
        image: _Image = item.data
        labels = [names.get(number) for number in image.category_ids]
        objects = RawObjects(image.boxes, labels, image.areas, image.crowds)
        image_id = image.image_id if is_numbered else derived_id(item.name)
        where = f"{image.file}, image {image.image_id} ({item.name})"
        return Annotation(image_id, item.name, image.size, (Query(objects),), place, where, is_numbered)

    return ListedSource(
        folder,
        items,
        annotate,
        source.box_format(USUAL_BOXES),
        [(split, path) for split in files for path in files[split]],
        tuple(Category(number, name) for number, name in sorted(names.items())),
        outside,
    )


def _read_file(
    path: Path, folder: Path, source: SourceSettings, categories: dict[int, str]
) -> list[ListedImage]:
    """Return the images of one file, and add its categories to `categories`."""
    entries: list[tuple[Any, str, Size | None]] = []
    rows: dict[Any, list[tuple[Any, ...]]] = {}
    keys: Counter[str] = Counter()
    for key, value in stream_lists(path, LISTS):
        where = f"{key}[{keys[key]}]"
        keys[key] += 1
        try:
            if not isinstance(value, dict):
                raise BadValueError(f"{where}: an object is needed, there is {brief_value(value)}")
            if key == "categories":
                _add_category(value, where, categories, source.max_text)
            elif key == "images":
                entries.append(_read_image(value, where))
            else:
                image_id, *values = _read_annotation(value, where)
                rows.setdefault(image_id, []).append(tuple(values))
        except BadValueError as error:
            raise UserError(f"{path}, {error}") from error
    if missing := set(LISTS) - keys.keys():
        raise UserError(f"{path}: no {', '.join(sorted(missing))}: not COCO annotations of instances")
    if unknown := rows.keys() - {image_id for image_id, _, _ in entries}:
        raise UserError(f"{path}: annotations of image {min(map(str, unknown))}, which it does not list")
    place = _image_folder(path, folder, source.images, [name for _, name, _ in entries])
    prefix = posixpath.relpath(place.as_posix(), folder.as_posix())
    items = []
    for image_id, name, size in entries:
        boxes, category_ids, areas, crowds = ([row[i] for row in rows.get(image_id, ())] for i in range(4))
        marked = frozenset(position for position, crowd in enumerate(crowds) if crowd)
        image = _Image(path, image_id, size, boxes, category_ids, areas, marked)
        items.append(ListedImage(plain_name(f"{prefix}/{name}"), place / name, image))
    return items


def _has_usable_ids(items: Sequence[ListedImage]) -> bool:
    ids = {item.data.image_id for item in items}
    return len(ids) == len({item.name for item in items}) and all(
        isinstance(number, int) and 0 <= number <= LARGEST_ID for number in ids
    )


def _read_annotation(value: dict[str, Any], where: str) -> tuple[Any, ...]:
    """Return image id, box, category id, area, and whether it is a crowd."""
    for key in ("image_id", "category_id"):
        if key not in value:
            raise BadValueError(f"{where}: an annotation without {key}")
    number = value["category_id"]
    return (
        read_key(value["image_id"], f"{where}.image_id"),
        read_numbers(value.get("bbox")),
        number if isinstance(number, (int, float)) and not isinstance(number, bool) else None,
        read_area(value.get("area")),
        bool(value.get("iscrowd")),
    )


def _read_image(value: dict[str, Any], where: str) -> tuple[Any, str, Size | None]:
    for key in ("id", "file_name"):
        if key not in value:
            raise BadValueError(f"{where}: an image without {key}")
    width, height = (read_side(value.get(side), f"{where}.{side}") for side in ("width", "height"))
    size = Size(width, height) if width and height else None
    return read_key(value["id"], f"{where}.id"), read_text(value["file_name"], f"{where}.file_name"), size


def _add_category(value: dict[str, Any], where: str, categories: dict[int, str], longest: int) -> None:
    for key in ("id", "name"):
        if key not in value:
            raise BadValueError(f"{where}: a category without {key}")
    number = read_whole(value["id"], f"{where}.id")
    name = read_label(value["name"], f"{where}.name", longest)
    if mark := find_markup(name):
        raise BadValueError(f"{where}: category '{name}' contains {mark}, which stands for something else")
    if categories.setdefault(number, name) != name:
        raise BadValueError(
            f"{where}: category {number} is '{name}' here and '{categories[number]}' in another file"
        )


def _image_folder(path: Path, folder: Path, images: str | None, names: list[str]) -> Path:
    """Return the folder that file names are relative to: the recipe's, or the usual one with an image.

    Raises:
        UserError: none of the usual folders holds one of the first images.
    """
    if images is not None:
        return folder / images
    ending = path.stem.rpartition("_")[2]
    parents = (path.parent, path.parent.parent, folder)
    places = [
        *(parent / part for parent in parents for part in (ending, f"images/{ending}", "images")),
        *parents,
    ]
    for name in names[:100]:
        for place in places:
            if is_regular(place / name):
                return place
    tried = ", ".join(dict.fromkeys(str(place) for place in places[:4]))
    raise UserError(
        f"{path}: none of its images is in {tried}, ...: "
        "set source.images to their folder, relative to source.path"
    )
