"""PASCAL VOC's layout: Annotations/*.xml, JPEGImages/, and ImageSets/Main/{train,val}.txt.

Source of the format: the development kit of VOC2007. Corners are pixel numbers from 1, and these pixels lie
inside the box: units `pixels_from_1`. Many tools write the same XML with edges from 0: units `pixels`.

PaddleDetection's lists (train.txt, valid.txt) name an image and its XML file on each line. Roboflow's exports
have the folders train, valid and test.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from grounding.categories import Category, number_categories
from grounding.errors import UserError
from prepare.reasons import IMAGE_IN_NO_SPLIT
from prepare.source_types import Annotation, BoxFormat, Lost, Place, Query, RawObjects
from prepare.sources.lookup.text_encoding import decode_text
from prepare.sources.parts.image_pairs import ImagePairs
from prepare.sources.parts.voc_xml import read_xml
from prepare.sources.shared.file_patterns import check_outside, list_files, source_folder
from prepare.sources.shared.identity import check_distinct, plain_name
from prepare.sources.shared.listed import (
    ListedImage,
    ListedSource,
    UnreadableError,
    annotation_files,
    name_annotation,
)
from prepare.sources.shared.source_values import BadValueError, read_label
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign, files_with
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("xyxy", "pixels_from_1")

TRAIN_FILES = ("ImageSets/Main/train.txt", "train.txt")
VAL_FILES = ("ImageSets/Main/val.txt", "val.txt", "valid.txt")

ANNOTATION_FOLDER = "Annotations"
IMAGE_FOLDERS = ("JPEGImages", "images")
SPLIT_FOLDERS = {"train": "train", "valid": "val", "val": "val"}
"""Folders that are splits if train and one for validation are there."""

logger = logging.getLogger(__name__)


def find_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield VOC for each folder above XML files of one annotation each."""
    found = [name for name in listing.sample(".xml") if listing.xml(name).root == "annotation"]
    places: dict[str, list[str]] = {_place_of(name): [] for name in found}
    for name in listing.with_suffix(".xml") if found else ():
        if (place := _place_of(name)) in places:
            places[place].append(name)
    for place, every in places.items():
        names = [name for name in found if _place_of(name) == place]
        yield Sign("voc", files_with(names, "<annotation> of one image"), frozenset(every), place)


def _place_of(name: str) -> str:
    """Return the folder that holds the folder of annotations, "" if there is none with its name."""
    parts = name.split("/")
    lower = [part.lower() for part in parts[:-1]]
    wanted = ANNOTATION_FOLDER.lower()
    return "/".join(parts[: lower.index(wanted)]) if wanted in lower else ""


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """List the XML files of both splits; without lists of images, all are for training.

    Objects marked difficult are treated as crowds: VOC neither rewards nor punishes finding them. Ids are
    derived from the paths of the XML files. If `categories` is empty, the names in the files are used.

    Raises:
        UserError: no XML files, or a list that is missing or names missing files.
    """
    folder = source_folder(source, ("**/*",))
    place = _first_folder(folder, [ANNOTATION_FOLDER])
    found = {path.relative_to(place).with_suffix("").as_posix(): path for path in _xml_files(place)}
    if not found:
        raise UserError(f"source.path: {place}: no XML files; {list_files(folder)}")

    def check(paths: Iterable[Path]) -> frozenset[Path]:
        return check_outside(source, folder, paths)

    images = folder / source.images if source.images else _first_folder(folder, IMAGE_FOLDERS)
    places = {_below_annotations(name): xml for name, xml in found.items()}
    pairs = ImagePairs(images, places, check).find_all()
    chosen = _read_splits(folder, source, found)
    items = {
        split: [
            ListedImage(plain_name(name), stated or pairs[_below_annotations(name)], found[name])
            for name, stated in sorted(names.items())
        ]
        for split, names in chosen.items()
    }
    listed = [item for split in items.values() for item in split]
    check(item.data for item in listed)
    outside = check(item.image for item in listed)
    check_distinct(item.name for item in listed)

    def annotate(item: ListedImage, position: Place) -> Annotation:
        stated = read_xml(item.data)
        crowds = source.crowd_positions(stated.marks)
        objects = RawObjects(stated.boxes, stated.labels, [None] * len(stated.boxes), crowds)
        return name_annotation(item, position, stated.size, Query(objects))

    return ListedSource(
        folder,
        items,
        annotate,
        source.box_format(USUAL_BOXES),
        annotation_files(items),
        None if categories else _names_in(listed, source.max_text),
        outside,
        _in_no_split(found, chosen, place),
    )


def _below_annotations(name: str) -> str:
    """Return a name without the folder of annotations that it begins with."""
    first, _, rest = name.partition("/")
    return rest if rest and first.lower() == ANNOTATION_FOLDER.lower() else name


def _xml_files(folder: Path) -> list[Path]:
    """Return the XML files below a folder, without hidden ones such as the ._ files of a Mac."""
    return [path for path in folder.rglob("*.xml") if not path.name.startswith(".")]


def _first_folder(folder: Path, names: Iterable[str]) -> Path:
    return next((folder / name for name in names if (folder / name).is_dir()), folder)


def _read_splits(
    folder: Path, source: SourceSettings, found: Mapping[str, Path]
) -> dict[str, dict[str, Path | None]]:
    """Return the names of each split, and the image of a name where the list states it.

    Without lists, the folders train and valid are the splits. Without these, all are for training.
    """
    val = _read_list(folder, source, source.val_files, VAL_FILES, "val_files", found)
    train = _read_list(folder, source, source.train_files, TRAIN_FILES, "train_files", found)
    if val is None and train is None:
        return _splits_by_folder(found)
    val = val or {}
    everything: dict[str, Path | None] = dict.fromkeys(found)
    chosen = everything if train is None else train
    if chosen and not chosen.keys() - val.keys():
        logger.info("%s: val is the same as train: val is cut from train", folder)
        return {"train": chosen, "val": {}}
    return {"train": {name: image for name, image in chosen.items() if name not in val}, "val": val}


def _in_no_split(
    found: Iterable[str], chosen: Mapping[str, Iterable[str]], place: Path
) -> tuple[tuple[str, Lost], ...]:
    left = set(found).difference(*chosen.values())
    if not left:
        return ()
    return (("train", Lost(IMAGE_IN_NO_SPLIT, len(left), f"{place / min(left)}.xml")),)


def _splits_by_folder(found: Mapping[str, Path]) -> dict[str, dict[str, Path | None]]:
    parts = {name: SPLIT_FOLDERS.get(name.partition("/")[0].lower()) for name in found}
    if not {"train", "val"} <= set(parts.values()):
        return {"train": dict.fromkeys(found), "val": {}}
    return {
        split: {name: None for name, part in parts.items() if part == split} for split in ("train", "val")
    }


def _read_list(
    folder: Path,
    source: SourceSettings,
    given: str | None,
    usual: Sequence[str],
    key: str,
    found: Mapping[str, Path],
) -> dict[str, Path | None] | None:
    """Return the names in a list of images; None if the usual lists are missing.

    Raises:
        UserError: the list that the recipe names is missing, or an XML file that a list names.
    """
    path = next((folder / name for name in ([given] if given else usual) if (folder / name).is_file()), None)
    if path is None:
        if given is None:
            return None
        raise UserError(f"source.{key}: {folder / given}: no such list of images")
    check_outside(source, folder, [path])
    try:
        lines = decode_text(path.read_bytes()).splitlines()
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a list of images: {error}") from error
    by_path = {xml.resolve(): name for name, xml in found.items()}
    names: dict[str, Path | None] = {}
    for number, line in enumerate(lines, start=1):
        if text := line.strip():
            name, image = _listed_pair(text, path.parent, found, by_path)
            if name not in found:
                raise UserError(f"{path}, line {number}: no annotation file {name}.xml")
            names[name] = image
    return names


def _listed_pair(
    text: str, folder: Path, found: Mapping[str, Path], by_path: Mapping[Path, str]
) -> tuple[str, Path | None]:
    """Return name and image of a line: a name, a name with a second column, or an image with its XML file."""
    image, _, xml = text.partition(" ")
    if xml.strip().lower().endswith(".xml"):
        path = folder / xml.strip()
        return by_path.get(path.resolve(), path.with_suffix("").as_posix()), folder / image
    # The lists of one class have a second column: 1, 0 or -1.
    return text if text in found else text.split()[0], None


def _names_in(items: Sequence[ListedImage], longest: int) -> tuple[Category, ...]:
    names: set[str] = set()
    for item in items:
        try:
            names |= {read_label(label, "name", longest) for label in read_xml(item.data).labels if label}
        except UnreadableError:
            continue  # the scan counts it
        except BadValueError as error:
            raise UserError(f"{item.data}: {error}") from error
    return number_categories(sorted(names))
