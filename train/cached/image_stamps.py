"""Whether the image files of a section are those that it was made of."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grounding.files import BLOCK, is_regular
from train.cached.section_reader import Section

DIGEST_BYTES = 16
NO_FILE = -1
"""The size of a file that cannot be read."""


def file_stamp(path: Path) -> tuple[int, int]:
    """Return a file's size in bytes and its time of change in nanoseconds; NO_FILE twice if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 (a Path would double the time)
    except (OSError, ValueError):  # a name that no file system takes
        return NO_FILE, NO_FILE
    return status.st_size, status.st_mtime_ns


def content_digest(path: Path) -> bytes:
    """Return the digest of a file's content; zeros if it is no regular file, or cannot be read."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    if not is_regular(path):
        return bytes(DIGEST_BYTES)
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError:
        return bytes(DIGEST_BYTES)
    return digest.digest()


def is_same_image(path: Path, entry: Mapping[str, Any]) -> bool:
    """Tell whether a file is the one of an entry with `bytes`, `changed_ns` and `digest` (in hexadecimal).

    Size and time of change say so at once. If only the time is another one, the content is read.
    """
    size, changed = file_stamp(path)
    if size != entry["bytes"]:
        return False
    return bool(changed == entry["changed_ns"] or content_digest(path).hex() == entry["digest"])


def find_changed_image(section: Section, folder: Path) -> str | None:
    """Return the name of the first image that is not as the section has it; None if all are.

    `folder` is what the names are relative to.
    """
    table = section.images.table
    names = tqdm(
        section.image_names(), total=len(table), desc="cached images", unit="image", delay=2, disable=None
    )
    for name, row in zip(names, table, strict=True):
        entry = {
            "bytes": int(row["bytes"]),
            "changed_ns": int(row["changed_ns"]),
            "digest": row["digest"].tobytes().hex(),
        }
        if not is_same_image(folder / name, entry):
            return name
    return None
