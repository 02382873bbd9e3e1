"""YOLO's layout: a names file (data.yaml), images/ and, beside it, labels/ with one text file per image.

Source of the format: the data set pages for detect, segment, obb and pose of docs.ultralytics.com. A line is
a class index and cx, cy, width, height as shares of the image; a confidence may follow. With kpt_shape in the
names file, key points follow the box. Any other longer line is an outline; the box around it is taken.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import is_regular
from prepare.reasons import IMAGE_IN_NO_SPLIT, LABELS_WITHOUT_IMAGE
from prepare.source_types import Annotation, BoxFormat, Lost, Place, Query, RawObjects
from prepare.sources.lookup.image_names import resolve_names
from prepare.sources.lookup.text_encoding import annotation_lines, decode_text
from prepare.sources.parts.label_lines import LabelLines, longer_lines, may_be_key_points
from prepare.sources.parts.names_file import (
    find_names_file,
    read_key_points,
    read_names,
    read_names_file,
    read_places,
)
from prepare.sources.shared.file_patterns import check_outside, list_files, source_folder
from prepare.sources.shared.identity import check_distinct, plain_name
from prepare.sources.shared.listed import (
    ListedImage,
    ListedSource,
    UnreadableError,
    annotation_files,
    find_images,
    name_annotation,
    read_annotation,
)
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign
from prepare.sources.signs.yolo_files import yolo_signs
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("cxcywh", "relative")

LOOKED_AT = 100
"""Label files that are looked at to tell outlines from key points."""

logger = logging.getLogger(__name__)

Check = Callable[[Iterable[Path]], frozenset[Path]]
"""Returns the files outside the source; raises UserError if the recipe allows none."""


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield YOLO for each names file, and for label files without one."""
    yield from yolo_signs(listing)


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the names file and list the images of both splits.

    The names file is source.path itself, or the only YAML file in that folder. Its train and val are folders,
    text files that list images, or several of these. Ids are derived from the images' paths relative to the
    folder of the names file.

    Raises:
        UserError: no names file, or a folder or list that it names is missing.
    """
    del categories  # the names file has them
    names_file = find_names_file(source_folder(source, ("**/*",)))
    folder = names_file.parent

    def check(paths: Iterable[Path]) -> frozenset[Path]:
        return check_outside(source, folder, paths)

    check([names_file])
    content = read_names_file(names_file)
    own_categories = read_names(content.get("names"), names_file, source.max_text)
    roots = [*(folder / place for place in read_places(content, "path", names_file)), folder]
    items = {
        split: _list_split(read_places(content, split, names_file), roots, names_file, split, check)
        for split in ("train", "val")
    }
    _separate_splits(items, names_file)
    if not items["train"]:
        raise UserError(f"{names_file}: train: no images in {content.get('train')}; {list_files(folder)}")
    _check_labelled(items, names_file)
    names = tuple(category.name for category in own_categories)
    meaning = LabelLines(names, source.box_format(USUAL_BOXES), read_key_points(content, names_file))
    _check_outlines(items, names_file, meaning.key_points)
    listed = [item for split in items.values() for item in split]
    outside = check(item.image for item in listed)
    check(item.data for item in listed if is_regular(item.data))
    check_distinct(item.name for item in listed)

    def annotate(item: ListedImage, place: Place) -> Annotation:
        return name_annotation(item, place, None, Query(_read_labels(item.data, meaning)))

    return ListedSource(
        folder,
        items,
        annotate,
        source.box_format(USUAL_BOXES),
        [("names", names_file), *annotation_files(items)],
        own_categories,
        outside,
        (*_in_no_split(content, items, roots, names_file, check), *_without_image(items)),
    )


def _list_split(
    places: list[str], roots: list[Path], names_file: Path, key: str, check: Check
) -> list[ListedImage]:
    images = {image for place in places for image in _images_of(place, roots, f"{names_file}: {key}", check)}
    items = (ListedImage(_relative(image, roots), image, label_file(image)) for image in images)
    return sorted(items, key=lambda item: item.name)


def _in_no_split(
    content: dict[str, Any],
    items: Mapping[str, Sequence[ListedImage]],
    roots: list[Path],
    names_file: Path,
    check: Check,
) -> tuple[tuple[str, Lost], ...]:
    """Count the images of `test` that are in no other split; a test folder that is missing has none."""
    try:
        tested = _list_split(read_places(content, "test", names_file), roots, names_file, "test", check)
    except UserError:
        return ()
    left = {item.name for item in tested} - {item.name for listed in items.values() for item in listed}
    return (("train", Lost(IMAGE_IN_NO_SPLIT, len(left), f"{names_file}: test")),) if left else ()


def _without_image(items: Mapping[str, Sequence[ListedImage]]) -> Iterator[tuple[str, Lost]]:
    """Count the label files beside those of the images that belong to no image of any split.

    A folder that holds images as well is left out, as its text files can be anything.
    """
    known = {item.data for listed in items.values() for item in listed}
    images = {item.image.parent for listed in items.values() for item in listed}
    for split, listed in items.items():
        for folder in sorted({item.data.parent for item in listed} - images):
            labels = {path for path in folder.glob("*.txt") if not path.name.startswith(".")}
            if strays := sorted(labels - known):
                yield split, Lost(LABELS_WITHOUT_IMAGE, len(strays), str(strays[0]))


def _separate_splits(items: dict[str, list[ListedImage]], names_file: Path) -> None:
    """Take images of val out of train; if val is all of train, val is cut from train instead."""
    val = {item.name for item in items["val"]}
    left = [item for item in items["train"] if item.name not in val]
    if items["train"] and not left:
        logger.info("%s: val is the same as train: val is cut from train", names_file)
        items["train"] = list({item.name: item for split in items.values() for item in split}.values())
        items["train"].sort(key=lambda item: item.name)
        items["val"] = []
    else:
        items["train"] = left


def _check_labelled(items: Mapping[str, Sequence[ListedImage]], names_file: Path) -> None:
    """Check that some image of each split has a label file: one without shows no objects.

    Raises:
        UserError: none has one.
    """
    for split, listed in items.items():
        if listed and not any(is_regular(item.data) for item in listed):
            raise UserError(
                f"{names_file}: {split}: no image has a label file; {listed[0].image} would have "
                f"{listed[0].data}: move the label files there"
            )


def _check_outlines(items: Mapping[str, Sequence[ListedImage]], names_file: Path, key_points: int) -> None:
    """Check that longer lines are outlines, and not boxes with key points that the names file keeps silent.

    Raises:
        UserError: they fit as well as key points, in all of the first label files.
    """
    if key_points:
        return
    paths = [item.data for listed in items.values() for item in listed if is_regular(item.data)]
    lines = [numbers for path in paths[:LOOKED_AT] for numbers in _longer_lines(path)]
    if may_be_key_points(lines):
        raise UserError(
            f"{names_file}: {paths[0]}: {len(lines[0])} numbers after the class can be an outline or a box "
            f"with {len(lines[0]) - 4} numbers of key points: write kpt_shape into the names file, or for "
            "outlines repeat their first point at the end"
        )


def _longer_lines(path: Path) -> list[list[float]]:
    try:
        return longer_lines(read_annotation(path))
    except UnreadableError:
        return []  # the scan counts it


def label_file(image: Path) -> Path:
    """Return the label file of an image: in labels/ instead of the last images/, else beside the image."""
    parts = list(image.with_suffix(".txt").parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts)


def _images_of(place: str, roots: list[Path], where: str, check: Check) -> list[Path]:
    """Return the images of a folder, or of a text file that lists them.

    A leading "../" is also tried without it: a common exporter writes it wrongly. What lies outside the
    source counts only if nothing inside fits.
    """
    spellings = [place, place[3:]] if place.startswith("../") else [place]
    tried = [root / spelling for root in roots for spelling in spellings]
    found = [path for path in tried if is_regular(path) or _is_folder(path)]
    for path in found:
        try:
            check([path])
        except UserError:
            if path != found[-1]:
                continue
            raise
        if _is_folder(path):
            return find_images(path, check)
        try:
            lines = [line.strip() for line in decode_text(path.read_bytes()).splitlines()]
        except (OSError, ValueError) as error:
            raise UserError(f"{where}: {path}: not readable as a list of images: {error}") from error
        listed = [line for line in lines if line]
        return resolve_names(listed, [path.parent, *roots], path.parent, str(path), check) if listed else []
    raise UserError(f"{where}: {place}: no such folder or list ({', '.join(map(str, tried))})")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False


def _relative(image: Path, roots: Sequence[Path]) -> str:
    """Return an image's path relative to the first root that holds it; outside of all, the whole path."""
    for root in roots:
        try:
            return plain_name(image.resolve().relative_to(root.resolve()).as_posix())
        except ValueError:
            continue
    return plain_name(image.as_posix())


def _read_labels(path: Path, meaning: LabelLines) -> RawObjects:
    """Read a label file; an image without one shows no objects.

    Raises:
        UnreadableError: a line that is not a class index with a box or an outline.
    """
    boxes: list[list[float]] = []
    labels: list[str | None] = []
    try:
        lines = annotation_lines(path)
    except FileNotFoundError:
        return RawObjects()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            label, box = meaning.read(line)
        except ValueError as error:
            raise UnreadableError(f"{path}, line {number}: {error}") from error
        boxes.append(box)
        labels.append(label)
    return RawObjects(boxes, labels, [None] * len(boxes))
