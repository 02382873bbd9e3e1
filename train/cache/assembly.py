"""Make one section of the blocks that were encoded."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from grounding.files import replacing
from train.cache.image_encoding import BlockImage, block_files, read_block_images
from train.cache.record_encoding import RECORD_BLOCKS, record_block_file
from train.cache.record_outline import RecordOutline
from train.cached.section import (
    IMAGE,
    IMAGE_NAMES,
    IMAGES,
    KEPT,
    RECORD,
    RECORD_IMAGES,
    RECORDS,
    TEXT,
)

KEPT_COUNT = "kept"


def write_image_table(folder: Path, blocks: int) -> None:
    """Write the table of all images and their names from the entries of the blocks."""
    parts = [np.empty(0, IMAGE)]
    with replacing(folder / IMAGE_NAMES) as names:
        for number in range(blocks):
            entries = read_block_images(folder, number) or []
            parts.append(np.array([_row(number, entry) for entry in entries], IMAGE))
            names.write(b"".join(json.dumps(entry.name).encode() + b"\n" for entry in entries))
    _save(folder / IMAGES, np.concatenate(parts))


def write_record_tables(folder: Path, outline: RecordOutline, blocks: int) -> Counter[str]:
    """Write texts and table of all records; return how many were kept, and how many not, by reason."""
    counts: Counter[str] = Counter()
    table = np.zeros(outline.count, RECORD)
    ends = np.frombuffer(outline.image_ends, np.int64)
    table["first_image"] = np.concatenate([[0], ends[:-1]])
    table["images"] = ends - table["first_image"]
    first, start = 0, 0
    with replacing(folder / TEXT) as file:
        for number in range(blocks):
            with np.load(record_block_file(folder, number)) as block:
                lengths = block["lengths"].astype(np.int64)
                part = table[first : first + len(lengths)]
                part["length"], part["state"] = lengths, block["states"]
                part["start"] = start + 5 * (np.cumsum(lengths) - lengths)
                file.write(block["text"].tobytes())
                start, first = start + 5 * int(lengths.sum()), first + len(lengths)
                counts[KEPT_COUNT] += int((block["states"] == KEPT).sum())
                counts.update(_counted(block["reasons"]))
    _save(folder / RECORDS, table)
    _save(folder / RECORD_IMAGES, np.frombuffer(outline.image_numbers, np.int64).astype(np.int32))
    return counts


def sizes_of(folder: Path, image_blocks: int) -> dict[str, int]:
    """Return the size in bytes of every file of a section but its card."""
    files = [folder / name for name in (TEXT, RECORDS, RECORD_IMAGES, IMAGES, IMAGE_NAMES, "levels.npy")]
    files += [file for number in range(image_blocks) for file in block_files(folder, number)]
    return {str(file.relative_to(folder)): file.stat().st_size for file in files}


def remove_record_blocks(folder: Path) -> None:
    """Remove the blocks of records: their content is in the tables, or it is made anew."""
    shutil.rmtree(folder / RECORD_BLOCKS, ignore_errors=True)


def _row(block: int, entry: BlockImage) -> tuple[Any, ...]:
    digest = list(bytes.fromhex(entry.digest))
    return block, entry.offset, entry.grid, entry.bytes, entry.changed_ns, digest, not entry.fault


def _counted(reasons: Any) -> Iterator[Any]:
    """Return reasons with their numbers from `3 some reason`."""
    found: Counter[str] = Counter()
    for text in reasons.tolist():
        count, _, reason = text.partition(" ")
        found[reason] += int(count)
    return found.elements()


def _save(path: Path, content: Any) -> None:
    with replacing(path) as file:
        np.save(file, content)
