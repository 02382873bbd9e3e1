"""COCO's own JSON (instances_*.json) beside folders of images.

Source of the format: the data format page of cocodataset.org. Boxes are xywh in pixels. Other tools add keys
to an annotation: `caption` and `description` are texts about its object, `attributes` names and values such
as color: red.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from prepare.reasons import ANNOTATION_WITHOUT_IMAGE
from prepare.source_types import Annotation, BoxFormat, Lost, Place, Query, RawObjects
from prepare.sources.lookup.image_names import resolve_names
from prepare.sources.parts.coco_entries import (
    AnnotationRow,
    Entries,
    add_category,
    add_image,
    check_one_id_each,
    read_entries,
    read_row,
    sort_to_images,
    without_groups,
)
from prepare.sources.parts.object_texts import describe_attributes
from prepare.sources.shared.file_patterns import check_outside, find_splits, source_folder
from prepare.sources.shared.identity import check_distinct, derived_id, plain_name
from prepare.sources.shared.listed import ListedImage, ListedSource
from prepare.sources.shared.source_values import LARGEST_ID, BadValueError
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with, split_signs
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xywh", "pixels")

KIND = "coco_json"

SIGNS = (("images", "[]", "id"), ("annotations", "[]", "image_id"), ("categories", "[]", "id"))
"""Keys of COCO JSON; the head of a file has one of them, whatever its order."""

TRAIN_FILES, VAL_FILES = "**/instances_train*.json", "**/instances_val*.json"


@dataclass(frozen=True)
class _Image:
    """An entry of `images` with its annotations, in the order of the file."""

    file: Path
    image_id: Any
    size: Size | None
    rows: list[AnnotationRow]


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield COCO JSON for lists of images and of annotations with boxes or outlines."""
    found = [name for name in listing.sample(".json") if _is_coco(listing, name)]
    usual = [name for name in found if PurePosixPath(name).name.startswith("instances_")]
    if found:
        chosen = usual or found
        evidence = files_with(chosen, "lists of images, annotations and categories")
        yield from split_signs(Sign(KIND, evidence, frozenset(chosen)), chosen, listing, ".json")


def _is_coco(listing: FolderListing, name: str) -> bool:
    is_coco = listing.json(name).has_any(*SIGNS)
    return is_coco and listing.holds_word(name, (b'"bbox"', b'"segmentation"'))


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
    items: dict[str, list[ListedImage]] = {split: [] for split in files}
    lost: list[tuple[str, Lost]] = []
    for split, paths in files.items():
        for path in paths:
            found, strays = _read_file(path, folder, source, names)
            items[split] += found
            if strays:
                lost.append((split, Lost(ANNOTATION_WITHOUT_IMAGE, strays, str(path))))
        items[split].sort(key=lambda item: item.name)
    outside = check_outside(source, folder, (item.image for split in items.values() for item in split))
    is_numbered = _has_usable_ids([item for split in items.values() for item in split])
    if not is_numbered:
        check_distinct(item.name for split in items.values() for item in split)

    def annotate(item: ListedImage, place: Place) -> Annotation:
        image: _Image = item.data
        objects = _objects_of(image.rows, names, source)
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
        tuple(lost),
    )


def _objects_of(
    rows: Sequence[AnnotationRow], names: Mapping[int, str], source: SourceSettings
) -> RawObjects:
    """Return the annotations of an image as parallel lists, with what is said of each object in words."""
    labels = [names.get(row.category_id) for row in rows]
    texts = [
        (*row.texts, *describe_attributes(label, row.attributes))
        for row, label in zip(rows, labels, strict=True)
    ]
    values = [row.named_values for row in rows]
    return RawObjects(
        [row.box for row in rows],
        labels,
        [row.area for row in rows],
        source.crowd_positions(row.is_crowd for row in rows),
        texts=texts if any(texts) else (),
        attributes=values if any(values) else (),
    )


def _read_file(
    path: Path, folder: Path, source: SourceSettings, categories: dict[int, str]
) -> tuple[list[ListedImage], int]:
    """Return the images of one file and the number of annotations without one; add to `categories`."""
    entries: Entries = {}
    rows: dict[Any, list[AnnotationRow]] = {}
    named: list[tuple[dict[str, Any], str]] = []
    order = source.box_format(USUAL_BOXES).order

    def take(key: str, value: dict[str, Any], where: str) -> None:
        if key == "categories" and source.groups == "drop":
            named.append((value, where))
        elif key == "categories":
            add_category(value, where, categories, source.max_text)
        elif key == "images":
            add_image(value, where, entries)
        else:
            image_id, row = read_row(value, where, order)
            rows.setdefault(image_id, []).append(row)

    if missing := read_entries(path, take):
        raise UserError(f"{path}: no {', '.join(missing)}: not COCO annotations of instances")
    used = {row.category_id for found in rows.values() for row in found} if named else set()
    for value, where in without_groups(named, used):
        try:
            add_category(value, where, categories, source.max_text)
        except BadValueError as error:
            raise UserError(f"{path}, {error}") from error
    check_one_id_each(path, entries)
    rows, strays = sort_to_images(rows, entries)
    names = [name for name, _ in entries.values()]
    below, places = folder, _usual_places(path, folder)
    if source.images is not None:
        below = folder / source.images
        places = [below]
        if not below.is_dir():
            raise UserError(f"source.images: {below}: no such folder")
    files = resolve_names(names, places, below, str(path), lambda paths: check_outside(source, folder, paths))
    items = []
    for (image_id, (_, size)), file in zip(entries.items(), files, strict=True):
        image = _Image(path, image_id, size, rows.get(image_id, []))
        relative = posixpath.relpath(file.as_posix(), folder.as_posix())
        items.append(ListedImage(plain_name(relative), file, image))
    return items, strays


def _has_usable_ids(items: Sequence[ListedImage]) -> bool:
    ids = {item.data.image_id for item in items}
    return len(ids) == len({item.name for item in items}) and all(
        isinstance(number, int) and 0 <= number <= LARGEST_ID for number in ids
    )


def _usual_places(path: Path, folder: Path) -> list[Path]:
    """Return the folders to which the names in an annotation file are usually relative."""
    ending = path.stem.rpartition("_")[2]
    parents = (path.parent, path.parent.parent, folder)
    return [
        *(parent / part for parent in parents for part in (ending, f"images/{ending}", "images")),
        *parents,
    ]
