"""PASCAL VOC's layout: Annotations/*.xml, JPEGImages/, and ImageSets/Main/{train,val}.txt.

Source of the format: the development kit of VOC2007. Corners are pixel numbers from 1, and these pixels lie
inside the box: units `pixels_from_1`. Many tools write the same XML with edges from 0: units `pixels`.
"""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from grounding.annotations import LARGEST_SIDE
from grounding.boxes import Size
from grounding.categories import Category, number_categories
from grounding.errors import UserError
from prepare.source_types import Annotation, BoxFormat, Place, Query, RawObjects
from prepare.sources.shared.file_patterns import check_outside, list_files, source_folder
from prepare.sources.shared.identity import check_distinct, derived_id, plain_name
from prepare.sources.shared.listed import (
    IMAGE_SUFFIXES,
    ListedImage,
    ListedSource,
    UnreadableError,
    read_annotation,
)
from prepare.sources.shared.source_values import BadValueError, read_label
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xyxy", "pixels_from_1")

TRAIN_FILES, VAL_FILES = "ImageSets/Main/train.txt", "ImageSets/Main/val.txt"
CORNERS = ("xmin", "ymin", "xmax", "ymax")


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """List the XML files of both splits; without lists of images, all are for training.

    Objects marked difficult are treated as crowds: VOC neither rewards nor punishes finding them. Ids are
    derived from the paths of the XML files. If `categories` is empty, the names in the files are used.

    Raises:
        UserError: no XML files, or a list that is missing or names missing files.
    """
    folder = source_folder(source, ("**/*",))
    place = folder / "Annotations" if (folder / "Annotations").is_dir() else folder
    found = {path.relative_to(place).with_suffix("").as_posix(): path for path in place.rglob("*.xml")}
    if not found:
        raise UserError(f"source.path: {place}: no XML files; {list_files(folder)}")
    images = _images_by_stem(folder / source.images if source.images else _image_folder(folder))
    chosen = _read_splits(folder, source, found)
    items = {
        split: [
            ListedImage(plain_name(name), images.get(Path(name).name, place / f"{name}.jpg"), found[name])
            for name in sorted(names)
        ]
        for split, names in chosen.items()
    }
    listed = [item for split in items.values() for item in split]
    check_outside(source, folder, (item.data for item in listed))
    outside = check_outside(source, folder, (item.image for item in listed))
    check_distinct(item.name for item in listed)

    def annotate(item: ListedImage, position: Place) -> Annotation:
        size, objects = _read_xml(item.data)
        where = str(item.data)
        return Annotation(
            derived_id(item.name), item.name, size, (Query(objects),), position, where, is_numbered=False
        )

    return ListedSource(
        folder,
        items,
        annotate,
        source.box_format(USUAL_BOXES),
        [(f"{split}/{item.name}", item.data) for split in items for item in items[split]],
        None if categories else _names_in(listed, source.max_text),
        outside,
    )


def _read_splits(folder: Path, source: SourceSettings, found: dict[str, Path]) -> dict[str, set[str]]:
    """Return the names of each split; without a list of training images, all others are for training."""
    lists = (source.val_files or VAL_FILES, source.train_files or TRAIN_FILES)
    check_outside(source, folder, (folder / name for name in lists))
    val = _read_list(folder, source.val_files, VAL_FILES, "val_files", found) or ()
    train = _read_list(folder, source.train_files, TRAIN_FILES, "train_files", found)
    return {"train": set(found if train is None else train) - set(val), "val": set(val)}


def _image_folder(folder: Path) -> Path:
    return next((folder / name for name in ("JPEGImages", "images") if (folder / name).is_dir()), folder)


def _images_by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise UserError(f"source.images: {folder}: no such folder")
    paths = sorted(folder.rglob("*"), key=lambda path: path.as_posix(), reverse=True)
    return {path.stem: path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES}


def _read_list(
    folder: Path, given: str | None, usual: str, key: str, found: dict[str, Path]
) -> list[str] | None:
    """Return the names in a list of images; None if the usual list is missing.

    Raises:
        UserError: the list that the recipe names is missing, or an XML file that a list names.
    """
    path = folder / (given or usual)
    if not path.is_file():
        if given is None:
            return None
        raise UserError(f"source.{key}: {path}: no such list of images")
    names = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a list of images: {error}") from error
    for number, line in enumerate(lines, start=1):
        if name := line.strip():
            # The lists of one class have a second column: 1, 0 or -1.
            name = name if name in found else name.split()[0]
            if name not in found:
                raise UserError(f"{path}, line {number}: no annotation file {name}.xml")
            names.append(name)
    return names


def _read_xml(path: Path) -> tuple[Size | None, RawObjects]:
    """Read one annotation file.

    Raises:
        UnreadableError: not XML, or an object without corners.
    """
    try:
        root = ET.fromstring(read_annotation(path))
        width, height = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
        boxes, labels, crowds = [], [], set()
        for position, element in enumerate(root.findall("object")):
            corners = [element.findtext(f"bndbox/{corner}") for corner in CORNERS]
            boxes.append([float(corner or "no corner") for corner in corners])
            labels.append((element.findtext("name") or "").strip() or None)
            if (element.findtext("difficult") or "0").strip() == "1":
                crowds.add(position)
    except (ET.ParseError, OSError, ValueError, OverflowError, LookupError) as error:
        # OverflowError: an infinite size. LookupError: an encoding that nobody knows.
        raise UnreadableError(f"{path}: {error}") from error
    size = Size(width, height) if 0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE else None
    return size, RawObjects(boxes, labels, [None] * len(boxes), frozenset(crowds))


def _names_in(items: Sequence[ListedImage], longest: int) -> tuple[Category, ...]:
    names: set[str] = set()
    for item in items:
        try:
            labels = {label for label in _read_xml(item.data)[1].labels if label}
            names |= {read_label(label, "name", longest) for label in labels}
        except UnreadableError:
            continue  # the scan counts it
        except BadValueError as error:
            raise UserError(f"{item.data}: {error}") from error
    return number_categories(sorted(names))
