"""RefCOCO, RefCOCO+ and RefCOCOg as parquet files of the hub, without images.

Source of the layout: the hub's data sets jxu124/refcoco, refcocoplus and refcocog: a row for each object with
image_path, image_id, split, sentences (or captions) and bbox as xyxy in pixels. The images are those of COCO
2014.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grounding.categories import Category
from grounding.errors import UserError
from prepare.source_types import BoxFormat, Lost
from prepare.sources.parts.expression_query import ANYTHING
from prepare.sources.shared.file_patterns import check_outside, find_files, list_files, source_folder
from prepare.sources.shared.listed import ListedSource
from prepare.sources.shared.parquet_file import open_parquet, read_rows, row_groups
from prepare.sources.shared.source_values import BadValueError, brief_value, read_numbers, read_text
from prepare.sources.source_settings import SourceSettings
from prepare.sources.tool_files.described_images import DescribedSource, FileEntries
from prepare.sources.tool_files.referred_objects import ExpressionCollector, ReferredImage

USUAL_BOXES = BoxFormat("xyxy", "pixels")

FILES = "**/*.parquet"
SENTENCES = ("sentences", "captions")
COLUMNS = ("image_path", "split", "bbox")
ROWS_AT_ONCE = 512


def open_source(source: SourceSettings, categories: Sequence[Category]) -> ListedSource:
    """Read the rows of the split train, and of the one that source.val_split names; others are counted.

    Raises:
        UserError: no files, other columns, or no such split.
    """
    usual = categories[0].name if categories else ANYTHING
    if source.val_files:
        raise UserError("source.val_files: the splits are in the column `split`: set source.val_split")
    folder = source_folder(source, ("**/*",))
    pattern = source.train_files or FILES
    found = find_files(folder, pattern) if folder.is_dir() else ()
    if not found:
        raise UserError(f"source.path: no file in {folder} matches '{pattern}'; {list_files(folder)}")
    check_outside(source, folder, found)
    collector = ExpressionCollector(source, folder)

    def read(path: Path) -> FileEntries:
        _collect(path, collector, usual)
        # Several files can have objects of one image, so its entry is made when all are read.
        return collector.finish() if path == found[-1] else FileEntries([])

    box_format = source.box_format(USUAL_BOXES)
    return DescribedSource(source, folder, {"train": found, "val": ()}, box_format).read(read)


def _collect(path: Path, collector: ExpressionCollector, usual: str) -> None:
    for number, row, sentences in _rows(path, collector):
        where = f"{path}, row {number}"
        split = row["split"]
        if not isinstance(split, str) or not isinstance(sentences, list):
            said = f"split {brief_value(split)}, sentences {brief_value(sentences)}"
            raise UserError(f"{where}: {said}: a text and a list are needed")
        if not collector.takes(split, sentences):
            continue
        try:
            name = read_text(row["image_path"], "image_path")
        except BadValueError as error:
            raise UserError(f"{where}: {error}") from error
        image = ReferredImage(name, None, row.get("image_id"), where)
        pair = read_numbers(row["bbox"]), usual
        collector.add(split, image, pair, collector.read_texts(sentences))


def _rows(path: Path, collector: ExpressionCollector) -> Iterator[tuple[int, dict[str, Any], Any]]:
    """Yield number, values and sentences of every row; rows that cannot be read are counted.

    Raises:
        UserError: not a whole parquet file, or columns are missing.
    """
    file = open_parquet(path)
    names = file.schema_arrow.names
    key = next((name for name in SENTENCES if name in names), None)
    if key is None or not set(COLUMNS) <= set(names):
        raise UserError(
            f"{path}: the columns {', '.join(COLUMNS)} and {' or '.join(SENTENCES)} are needed; there are "
            f"{', '.join(names)}"
        )
    columns = [*COLUMNS, key, *(["image_id"] if "image_id" in names else [])]
    for index, start in row_groups(file):
        for batch in read_rows(file, path, columns, ROWS_AT_ONCE, index, start, image=""):
            if isinstance(batch, Lost):
                collector.left[batch.reason] += batch.images
                continue
            first, table = batch
            for number, row in enumerate(table.to_pylist(), start=first):
                yield number, row, row[key]
