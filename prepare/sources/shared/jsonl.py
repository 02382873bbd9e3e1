"""JSON lines, or arrays, that name images: what phrases and records share."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.predictions.annotations import LARGEST_SIDE
from prepare.reasons import RECORD_WITHOUT_IMAGE, UnusableImageError
from prepare.source_types import Annotation, BoxFormat, Lost, Place, Query, SourcePicture
from prepare.sources.shared.file_patterns import check_outside, find_splits, source_folder
from prepare.sources.shared.identity import check_distinct, derived_id, plain_name
from prepare.sources.shared.json_stream import stream_array
from prepare.sources.shared.listed import ListedImage, ListedSource
from prepare.sources.shared.source_values import brief_value
from prepare.sources.source_settings import SourceSettings
from prepare.split_of_name import split_of

TRAIN_FILES, VAL_FILES = "*.jsonl", "*val*.jsonl"
TRAIN_ARRAYS, VAL_ARRAYS = "*.json", "*val*.json"
"""The usual files; arrays only where no file has lines. What validates has that word in its name."""


@dataclass
class Rows:
    """All lines about one image, with their numbers, and the image's size if a line states it."""

    file: Path
    lines: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    size: Size | None = None

    def where(self, line: int) -> str:
        """Return the place of a line, or of an item of an array, for messages."""
        return _where(self.file, line)


def open_jsonl(
    source: SourceSettings,
    usual_boxes: BoxFormat,
    image_of: Callable[[dict[str, Any]], Any],
    queries_of: Callable[[str, Rows], tuple[Query, ...]],
    categories_of: Callable[[Sequence[ListedImage]], tuple[Category, ...] | None],
    plain_row: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> ListedSource:
    """Read the lines of both splits, each as `plain_row` returns it, and group them by image.

    `image_of` returns a path, or the list of them that a line shows together. It can raise
    UnusableImageError: such lines are counted, unless a file holds no others.

    Images are relative to source.images; without it, to the folder of the JSONL file. Ids are derived from
    the images' names as the lines state them.

    Raises:
        UserError: no files, or a line with another format.
    """
    folder = source_folder(source, ("**/*",))
    files = _find_files(source, folder)
    images = folder / source.images if source.images else None
    lost: dict[str, list[Lost]] = {split: [] for split in files}
    items = {
        split: _group_by_image(paths, images, image_of, plain_row, lost[split])
        for split, paths in files.items()
    }
    every = [item for split in items.values() for item in split]
    outside = check_outside(source, folder, (file for item in every for _, file in item.files))
    check_distinct(name for item in every for name in (item.name, *(name for name, _ in item.files)))
    queries = {
        (split, item.name): queries_of(item.name, item.data) for split in items for item in items[split]
    }

    def annotate(item: ListedImage, place: Place) -> Annotation:
        return _annotation(item, place, queries[place.split, item.name])

    return ListedSource(
        folder,
        items,
        annotate,
        source.box_format(usual_boxes),
        [(split, path) for split in files for path in files[split]],
        categories_of(every),
        outside,
        tuple((split, each) for split, found in lost.items() for each in found),
    )


def _annotation(item: ListedImage, place: Place, queries: tuple[Query, ...]) -> Annotation:
    rows: Rows = item.data
    where = rows.where(rows.lines[0][0])
    return Annotation(
        *(derived_id(item.name), item.name, rows.size, queries, place, where),
        is_numbered=False,
        pictures=item.pictures,
    )


def _find_files(source: SourceSettings, folder: Path) -> dict[str, tuple[Path, ...]]:
    """Return the files of both splits; a usual name validates only with "val" as a word of its own."""
    has_lines = not folder.is_dir() or any(folder.glob(TRAIN_FILES)) or not any(folder.glob(TRAIN_ARRAYS))
    train, val = (TRAIN_FILES, VAL_FILES) if has_lines else (TRAIN_ARRAYS, VAL_ARRAYS)
    is_val = None if source.val_files else lambda path: split_of(path.stem) == "val"
    return find_splits(source, folder, source.train_files or train, source.val_files or val, is_val)


def _where(file: Path, line: int) -> str:
    return f"{file}, {'item' if file.suffix == '.json' else 'line'} {line}"


def _read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a file with their numbers, from 1.

    Raises:
        UserError: neither JSON lines nor, for a name that ends in .json, an array of objects.
    """
    if path.suffix != ".json":
        yield from read_jsonl(path)
        return
    for number, row in enumerate(stream_array(path), start=1):
        if not isinstance(row, dict):
            raise UserError(f"{_where(path, number)}: not a JSON object")
        yield number, row


def _group_by_image(
    paths: Sequence[Path],
    images: Path | None,
    image_of: Callable[[dict[str, Any]], Any],
    plain_row: Callable[[dict[str, Any]], dict[str, Any]],
    lost: list[Lost],
) -> list[ListedImage]:
    """Return the images that the files name, with all lines about each; other lines are added to `lost`.

    Raises:
        UserError: a file has no line with one image.
    """
    found: dict[str, ListedImage] = {}
    for path in paths:
        lost_here: list[Lost] = []
        has_images = False
        for line, given in _read_rows(path):
            where, row = _where(path, line), plain_row(given)
            try:
                value = image_of(row)
                names = [_image_name(one, where) for one in (value if isinstance(value, list) else [value])]
            except UnusableImageError as error:
                lost_here.append(Lost(error.reason, 1, where))
                continue
            has_images = True
            name = "\n".join(names)
            item = found.setdefault(name, _listed(names, images or path.parent, Rows(path)))
            item.data.lines.append((line, row))
            if not item.pictures:  # several images have no one size
                item.data.size = item.data.size or _size(row, where)
        if lost_here and not has_images:
            raise UserError(
                f"{lost_here[0].where}: no image: the path of one image file is needed, and no line of the "
                f"file has it ({lost_here[0].reason})"
            )
        lost += lost_here
    return sorted(found.values(), key=lambda item: item.name)


def _listed(names: Sequence[str], folder: Path, rows: Rows) -> ListedImage:
    pictures = tuple(SourcePicture(derived_id(name), name, folder / name) for name in names)
    name = "\n".join(names)
    return ListedImage(name, folder / names[0], rows, pictures if len(names) > 1 else ())


def _image_name(value: Any, where: str) -> str:
    if value is None:
        raise UnusableImageError(RECORD_WITHOUT_IMAGE)
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
