"""The files of a cache: a section for each file of records, complete if it has a card.

A section has these files. Numbers are little-endian, arrays are NumPy's .npy files.

    cache.json         the card: settings, counts, and the size of every other file in bytes
    images/00000.bin   pixels of IMAGES_IN_BLOCK images in 8 bits, (patches, 3, patch size squared) one by one
    images/00000.json  where each image of the block begins, its grid, and what its file was
    images.npy         all images, as IMAGE; image_names.jsonl has their names
    levels.npy         (3, 256) float32: the pixel value of each level, by channel
    text.bin           int32: each record's token ids, labels, and its positions in time, height and width
    records.npy        all records, as RECORD; record_images.npy has the numbers of their images
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import TypedDict

from grounding.errors import UserError
from grounding.files import check_types, write_json
from models.folder_files import TABLE_BYTES, read_object

FORMAT = 1
"""Counts up when records are encoded or stored in another way."""

CARD = "cache.json"
TEXT, RECORDS, RECORD_IMAGES, IMAGES, LEVELS = (
    "text.bin",
    "records.npy",
    "record_images.npy",
    "images.npy",
    "levels.npy",
)
IMAGE_NAMES = "image_names.jsonl"
IMAGE_BLOCKS = "images"

KEPT, DAMAGED, DROPPED, UNREAD = range(4)
"""The states of a record: used; dropped for a damaged image; dropped for another reason; not read."""

IMAGE = np.dtype(
    [
        ("block", "<i4"),
        ("offset", "<i8"),
        ("grid", "<i4", (3,)),
        ("bytes", "<i8"),
        ("changed_ns", "<i8"),
        ("digest", "u1", (16,)),
        ("is_sound", "?"),
    ]
)
"""An image: its place among the pixels, its frames, rows and columns of patches, and what its file was."""

RECORD = np.dtype(
    [
        ("start", "<i8"),
        ("length", "<i4"),
        ("state", "u1"),
        ("first_image", "<i8"),
        ("images", "<i4"),
    ]
)
"""A record: where its numbers begin in text.bin, its tokens, its state, and its images."""

Settings = Mapping[str, Any]
"""All that decides how a record is encoded, by a name that a reader understands."""


@dataclass(frozen=True)
class SectionCard:
    """What a section is made of.

    `source` is the name of the file of records, `sha256` that of its content. `temporal` is how often a
    patch is repeated in time, and `patch` its side in pixels. `counts` has the records by what became of
    them, and `sizes` the bytes of every file.
    """

    source: str
    sha256: str
    settings: dict[str, Any]
    temporal: int
    patch: int
    counts: dict[str, int]
    sizes: dict[str, int]
    format: int = FORMAT

    @property
    def bytes(self) -> int:
        """The size of the section on the disk."""
        return sum(self.sizes.values())


class _CardContent(TypedDict):
    source: str
    sha256: str
    settings: dict[str, Any]
    temporal: int
    patch: int
    counts: dict[str, int]
    sizes: dict[str, int]
    format: int


def section_folder(cache: Path, file: Path, sha256: str, settings: Settings) -> Path:
    """Return the folder of a file's section: the file's content and the settings decide its name."""
    text = json.dumps([FORMAT, sha256, settings], sort_keys=True)
    return cache / f"{file.stem}-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def write_section_card(folder: Path, card: SectionCard) -> None:
    """Write the card; from then on the section is complete."""
    write_json(folder / CARD, asdict(card))


def read_section_card(folder: Path) -> SectionCard | None:
    """Return a section's card, None if the section is not finished.

    Raises:
        UserError: the card is none of ours, or a file of the section is not as the card says.
    """
    path = folder / CARD
    if not path.is_file():
        return None
    content = read_object(path, TABLE_BYTES)
    try:
        check_types(content, _CardContent)
        card = SectionCard(**content)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: no card of a cache ({error}): remove {folder}") from error
    if card.format != FORMAT:
        return None
    for name, size in card.sizes.items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != size:
            raise UserError(f"{file}: is not complete: remove {folder}, and make the cache again")
    return card
