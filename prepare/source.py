"""Parquet files as a source: which there are, what they hold, and their fingerprint."""

import hashlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from grounding.errors import UserError
from prepare.hub import download
from prepare.recipe import Source

ANNOTATION_COLUMNS = ("image_id", "width", "height", "objects")
IMAGE_COLUMN = "image"
STRUCT_FIELDS = {"image": ("bytes",), "objects": ("category", "bbox", "area")}
"""The layout of the hub's data set detection-datasets/coco: category by index, bbox absolute xyxy."""

READ_BUFFER = 1 << 20
"""Bytes. With a buffer, pages are streamed; without, a whole column of a row group is held in memory."""

_SHARD = re.compile(r"^(?P<stem>.+)-\d+-of-(?P<count>\d+)(?P<rest>.*)$")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceFiles:
    """The files of each split; a source without validation files has those of both in `train`."""

    folder: Path
    train: tuple[Path, ...]
    val: tuple[Path, ...]


def find_source(source: Source) -> SourceFiles:
    """Return the source's files, downloaded where they are on a hub, in the order of their names.

    Raises:
        UserError: no folder, no training files, files missing of a numbered set, or no hub.
    """
    if source.resolved_hub == "local":
        folder = Path(str(source.path)).expanduser()
    else:
        folder = download(source.resolved_hub, source.resolved_repo, (source.train_files, source.val_files))
    if not folder.is_dir():
        raise UserError(f"source.path: {folder}: no such folder")
    train, val = _match(folder, source.train_files), _match(folder, source.val_files)
    train = tuple(path for path in train if path not in val)
    if not train:
        raise UserError(
            f"source.train_files: no file in {folder} matches '{source.train_files}'; {_listing(folder)}"
        )
    if not val:
        logger.info("no file matches source.val_files: train and val are both cut from source.train_files")
    for pattern, paths in ((source.train_files, train), (source.val_files, val)):
        _check_complete(pattern, paths)
    return SourceFiles(folder, train, val)


def fingerprint(files: SourceFiles) -> str:
    """Return a hash of what the files hold, the same on every machine.

    It covers each file's split, name, size and parquet footer, which lists the compressed sizes and
    the statistics of every column: reading all image bytes would take minutes.

    Raises:
        UserError: a file that is not whole, or cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for split, paths in (("train", files.train), ("val", files.val)):
        for path in paths:
            size, footer = _read_footer(path)
            digest.update(f"{split}/{path.name}:{size}:".encode() + footer)
    return digest.hexdigest()


def _read_footer(path: Path) -> tuple[int, bytes]:
    """Return a parquet file's size and footer.

    Source: the Parquet format, a file ends with the footer, its length (4 bytes) and the letters PAR1.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 8))
            end = file.read()
            if end[4:] != b"PAR1":
                raise UserError(f"{path}: not a whole parquet file (its end is missing): fetch it again")
            file.seek(max(0, size - 8 - int.from_bytes(end[:4], "little")))
            return size, file.read()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a parquet file in the layout of detection-datasets/coco.

    Raises:
        UserError: not a whole parquet file, or columns are missing.
    """
    try:
        # No pre-buffering: it would read all columns of a row group, images included, at once.
        file = pq.ParquetFile(path, buffer_size=READ_BUFFER, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a whole parquet file ({_first_line(error)}): fetch it again") from error
    schema = file.schema_arrow
    missing = [name for name in (*ANNOTATION_COLUMNS, IMAGE_COLUMN) if name not in schema.names]
    for name, fields in STRUCT_FIELDS.items():
        if name not in missing:
            kind = schema.field(name).type
            known = [kind.field(i).name for i in range(kind.num_fields)] if pa.types.is_struct(kind) else []
            missing += [f"{name}.{field}" for field in fields if field not in known]
    if missing:
        raise UserError(
            f"{path}: no column {', '.join(missing)}: expected are the columns of detection-datasets/coco, "
            f"there are {', '.join(schema.names)}"
        )
    if not pa.types.is_integer(schema.field("image_id").type):
        raise UserError(f"{path}: column image_id holds {schema.field('image_id').type}, not whole numbers")
    return file


def read_batches(
    file: pq.ParquetFile, path: Path, columns: Sequence[str], batch_size: int, row_group: int | None = None
) -> Iterator[Any]:
    """Yield the rows of a file, or of one of its row groups, as record batches.

    Raises:
        UserError: a part of the file cannot be read.
    """
    groups = None if row_group is None else [row_group]
    try:
        yield from file.iter_batches(
            batch_size=batch_size, row_groups=groups, columns=list(columns), use_threads=False
        )
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: damaged ({_first_line(error)}): fetch it again") from error


def _match(folder: Path, pattern: str) -> tuple[Path, ...]:
    """Return the matching files, by name and then by place, so that folders above do not matter."""
    try:
        found = [path for path in folder.glob(pattern) if path.is_file()]
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"'{pattern}': not a pattern for files in {folder}: {error}") from error
    return tuple(sorted(found, key=lambda path: (path.name, path.relative_to(folder).as_posix())))


def _listing(folder: Path) -> str:
    """Say which files are in a folder, the first few of them."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    if not names:
        return "the folder is empty"
    return f"there are {len(names)} files: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"


def _check_complete(pattern: str, paths: Sequence[Path]) -> None:
    """Refuse a numbered set (-00000-of-00040) with gaps, unless the pattern itself picks numbers."""
    if re.search(r"\d|\[", pattern):
        return
    sets: dict[tuple[str, int], int] = {}
    for path in paths:
        if match := _SHARD.match(path.name):
            key = f"{path.parent}/{match['stem']}", int(match["count"])
            sets[key] = sets.get(key, 0) + 1
    for (stem, expected), found in sorted(sets.items()):
        if found < expected:
            raise UserError(
                f"{stem}-*: {found} of {expected} files are there: fetch the others, or write a pattern "
                f"that picks files by number, such as '{pattern.replace('*.', '0000[0-4]*.')}'"
            )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
