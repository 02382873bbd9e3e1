"""YOLO's layout: a names file (data.yaml), images/ and, beside it, labels/ with one text file per image.

Source of the format: the detection data set page of docs.ultralytics.com. A line is a class index and
cx, cy, width, height as shares of the image. Longer lines are outlines; their bounding box is taken.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from grounding.boxes import Box
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import is_regular
from prepare.source_types import Annotation, BoxFormat, Place, Query, RawObjects
from prepare.sources.shared.file_patterns import check_outside, list_files, source_folder
from prepare.sources.shared.identity import check_distinct, derived_id, plain_name
from prepare.sources.shared.listed import (
    IMAGE_SUFFIXES,
    ListedImage,
    ListedSource,
    UnreadableError,
    find_images,
    read_annotation,
)
from prepare.sources.shared.names_file import find_names_file, read_names, read_places, read_plain_yaml
from prepare.sources.source_settings import SourceSettings

USUAL_BOXES = BoxFormat("cxcywh", "relative")

Check = Callable[[Iterable[Path]], frozenset[Path]]
"""Returns the files outside the source; raises UserError if the recipe allows none."""

OUTLINE_FORMAT = BoxFormat("cxcywh", "relative")
SHORTEST_OUTLINE = 6
"""The numbers of a triangle."""


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
    content = read_plain_yaml(names_file)
    own_categories = read_names(content.get("names"), names_file, source.max_text)
    names = [category.name for category in own_categories]
    places = {key: read_places(content, key, names_file) for key in ("path", "train", "val")}
    roots = [*(folder / place for place in places["path"]), folder]
    items = {split: _list_split(places[split], roots, names_file, split, check) for split in ("train", "val")}
    val = {item.name for item in items["val"]}
    items["train"] = [item for item in items["train"] if item.name not in val]
    if not items["train"]:
        raise UserError(f"{names_file}: train: no images in {content.get('train')}; {list_files(folder)}")
    listed = [item for split in items.values() for item in split]
    outside = check(item.image for item in listed)
    check(item.data for item in listed if is_regular(item.data))
    check_distinct(item.name for item in listed)

    def annotate(item: ListedImage, place: Place) -> Annotation:
        objects = _read_labels(item.data, names, source.box_format(USUAL_BOXES))
        where = str(item.data)
        return Annotation(
            derived_id(item.name), item.name, None, (Query(objects),), place, where, is_numbered=False
        )

    annotations = [("names", names_file)]
    annotations += [
        (f"{split}/{item.name}", item.data)
        for split in items
        for item in items[split]
        if is_regular(item.data)
    ]
    return ListedSource(
        folder, items, annotate, source.box_format(USUAL_BOXES), annotations, own_categories, outside
    )


def _list_split(
    places: list[str], roots: list[Path], names_file: Path, key: str, check: Check
) -> list[ListedImage]:
    images = {image for place in places for image in _images_of(place, roots, f"{names_file}: {key}", check)}
    items = (ListedImage(_relative(image, names_file.parent), image, label_file(image)) for image in images)
    return sorted(items, key=lambda item: item.name)


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
            lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
            return [path.parent / line for line in lines if Path(line).suffix.lower() in IMAGE_SUFFIXES]
        except (OSError, ValueError) as error:
            raise UserError(f"{where}: {path}: not readable as a list of images: {error}") from error
    raise UserError(f"{where}: {place}: no such folder or list ({', '.join(map(str, tried))})")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        return False


def _relative(image: Path, folder: Path) -> str:
    """Return an image's path relative to the folder of the names file; outside of it, the whole path."""
    try:
        return plain_name(image.resolve().relative_to(folder.resolve()).as_posix())
    except ValueError:
        return plain_name(image.as_posix())


def _read_labels(path: Path, names: list[str], box_format: BoxFormat) -> RawObjects:
    """Read a label file; an image without one shows no objects.

    Raises:
        UnreadableError: a line that is not a class index with a box or an outline.
    """
    boxes: list[list[float]] = []
    labels: list[str | None] = []
    try:
        lines = read_annotation(path).decode("utf-8").splitlines()
    except FileNotFoundError:
        return RawObjects()
    except ValueError as error:
        raise UnreadableError(f"{path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            index, *numbers = map(float, line.split())
            if len(numbers) != 4:
                numbers = _box_of_outline(numbers, box_format)
            boxes.append(numbers)
            labels.append(names[int(index)] if index in range(len(names)) else None)
        except ValueError as error:
            raise UnreadableError(f"{path}, line {number}: {error}") from error
    return RawObjects(boxes, labels, [None] * len(boxes))


def _box_of_outline(numbers: list[float], box_format: BoxFormat) -> list[float]:
    """Return cx, cy, width, height of the box around the points x, y, x, y, ...

    Raises:
        ValueError: not an outline, or the recipe says that the boxes have another format.
    """
    if len(numbers) < SHORTEST_OUTLINE or len(numbers) % 2 or box_format != OUTLINE_FORMAT:
        raise ValueError(f"{len(numbers)} numbers after the class are neither a box nor an outline")
    return list(Box.around(numbers[::2], numbers[1::2]).cxcywh)
