"""A picture with what a model found in it, before rules judge it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.images.pixels import UNREADABLE, open_picture, upright_size
from grounding.samples import Detection

UNREADABLE_PICTURE = "the picture cannot be read"
UNREADABLE_ANSWER = "the model's answer cannot be read"
LONGEST_DESCRIPTION = 1000
"""Characters of a description that are kept; what a model wrote can be long."""

NOT_INSPECTED = frozenset({UNREADABLE_PICTURE, UNREADABLE_ANSWER})
"""Reasons why a picture was not, or not wholly, inspected."""


@dataclass(frozen=True)
class FileIdentity:
    """What tells a picture's file from another of the same name: SHA-256, bytes, and time of change in ns."""

    sha256: str
    length: int
    modified_ns: int


@dataclass(frozen=True)
class AnsweredPicture:
    """A picture, and the detections in it, in original pixels.

    `name` is its path in the folder that is inspected, `path` where it lies. `size` is None for a file that
    cannot be read. `descriptions` are the model's own words about each detection, None where it wrote none.
    `problems` are the named problems of the answers; `is_readable` is false if no answer could be read.
    `answered` is the time of the answer (UTC, ISO 8601).
    """

    name: str
    path: Path
    identity: FileIdentity
    size: Size | None
    detections: tuple[Detection, ...]
    descriptions: tuple[str | None, ...]
    problems: tuple[str, ...]
    is_readable: bool
    answered: str


def own_words(detections: Sequence[Detection]) -> tuple[str | None, ...]:
    """Return the model's own words about each detection, in one line and not too long, None without any."""
    texts = (" ".join((found.description or "").split()) for found in detections)
    return tuple(text[:LONGEST_DESCRIPTION] or None for text in texts)


def identify_file(path: Path) -> FileIdentity:
    """Return the identity of a file.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else None
            if digest is None:  # Python 3.10
                digest = hashlib.sha256(file.read())
        status = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    return FileIdentity(digest.hexdigest(), status.st_size, status.st_mtime_ns)


def picture_size(path: Path) -> Size | None:
    """Return the size of the upright picture by the header of its file, None where it cannot be read."""
    try:
        with open_picture(path) as picture:
            return upright_size(picture)
    except UNREADABLE:
        return None
