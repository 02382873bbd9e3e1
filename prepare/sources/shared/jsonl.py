"""JSON lines that name images: what phrases and records have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grounding.boxes import Size
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import read_jsonl
from prepare.sources.shared.file_patterns import find_splits, source_folder
from prepare.sources.shared.identity import check_distinct, derived_id, plain_name
from prepare.sources.shared.listed import Item, ListedSource
from prepare.sources.source import Annotation, Place, Query

if TYPE_CHECKING:
    from prepare.recipe import Source

TRAIN_FILES, VAL_FILES = "*.jsonl", "*val*.jsonl"


@dataclass
class Rows:
    """All lines about one image: their numbers with what they hold, and the size if they state one."""

    file: Path
    lines: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    size: Size | None = None


def open_jsonl(
    source: "Source",
    image_of: Callable[[dict[str, Any]], Any],
    queries_of: Callable[[str, Rows], tuple[Query, ...]],
    categories_of: Callable[[Sequence[Item]], tuple[Category, ...] | None],
) -> ListedSource:
    """Read the lines of both splits and gather them by image.

    Images are relative to source.images, without it to their line's own file. Ids are derived from the
    images' names as the lines have them.

    Raises:
        UserError: no files, a line that is not of its form, or an image that both splits name.
    """
    train, val = source.train_files or TRAIN_FILES, source.val_files or VAL_FILES
    folder = source_folder(source, ("**/*",))
    files = find_splits(folder, train, val)
    items: dict[str, list[Item]] = {}
    for split, paths in files.items():
        found: dict[str, Item] = {}
        for path in paths:
            place = folder / source.images if source.images else path.parent
            for line, row in read_jsonl(path):
                name = _image_name(image_of(row), f"{path}, line {line}")
                item = found.setdefault(name, Item(name, place / name, Rows(path)))
                item.data.lines.append((line, row))
                item.data.size = item.data.size or _size(row, f"{path}, line {line}")
        items[split] = sorted(found.values(), key=lambda item: item.name)
    every = [item for split in items.values() for item in split]
    check_distinct(item.name for item in every)
    queries = {
        (split, item.name): queries_of(item.name, item.data) for split in items for item in items[split]
    }

    def annotate(item: Item, place: Place) -> Annotation:
        rows: Rows = item.data
        where = f"{rows.file}, line {rows.lines[0][0]}"
        asked = queries[str(place[0]), item.name]
        return Annotation(derived_id(item.name), item.name, rows.size, asked, place, where, is_numbered=False)

    return ListedSource(
        folder,
        items,
        annotate,
        source.box_format,
        [(split, path) for split in files for path in files[split]],
        categories_of(every),
    )


def _image_name(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{where}: no image: the path of one image file is needed")
    return plain_name(value)


def _size(row: dict[str, Any], where: str) -> Size | None:
    width, height = row.get("width"), row.get("height")
    if width is None and height is None:
        return None
    if not (isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0):
        raise UserError(f"{where}: width {width!r}, height {height!r}: two whole numbers, or neither")
    return Size(width, height)
