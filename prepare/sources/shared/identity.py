"""Ids for images that have no number, and hashes of what a source holds."""

import hashlib
import posixpath
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from grounding.errors import UserError
from grounding.files import is_regular

ID_LIMIT = 10**15
"""Derived ids have 15 digits, which all JSON readers keep exactly. Of 200,000 data sets with 100,000 names
each, about one has two names with the same id."""


def derived_id(name: str) -> int:
    """Return an id for a name: the same on every machine, and independent of other names."""
    return int.from_bytes(hashlib.blake2b(_spell(name), digest_size=8).digest(), "big") % ID_LIMIT


def number_in_name(name: str) -> int | None:
    """Return the id that is the whole name of an image file, in 12 digits as in COCO; None if it is no id."""
    stem = posixpath.splitext(posixpath.basename(plain_name(name)))[0]
    return int(stem) if stem.isascii() and stem.isdecimal() and 12 <= len(stem) <= 18 else None


def plain_name(name: str) -> str:
    r"""Return the normal form of an image's name: "a//./b.jpg" and "a\b.jpg" become "a/b.jpg"."""
    return posixpath.normpath(name.strip().replace("\\", "/"))


def _spell(name: str) -> bytes:
    """Return a name as NFC bytes, so that file systems that decompose accents give the same id."""
    return unicodedata.normalize("NFC", name).encode("utf-8", "surrogatepass")


def check_distinct(names: Iterable[str]) -> None:
    """Check that no two names get the same id.

    Raises:
        UserError: two names get one id.
    """
    seen: dict[int, str] = {}
    for name in names:
        other = seen.setdefault(derived_id(name), name)
        if other != name:
            raise UserError(f"'{name}' and '{other}' get the same image id by chance: rename one of them")


def hash_files(annotations: Iterable[tuple[str, Path]], images: Iterable[tuple[str, Path]]) -> str:
    """Return a hash of annotation files (role and content) and of images (name and length).

    Image bytes are not read, as that would take minutes. A missing image is hashed as missing.

    Raises:
        UserError: an annotation file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for role, path in annotations:
        digest.update(f"{role}\n".encode("utf-8", "surrogatepass"))
        if path.exists() and not is_regular(path):
            raise UserError(f"{path}: not a regular file")
        try:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    for name, path in images:
        try:
            length = path.stat().st_size
        except (OSError, ValueError):
            length = -1
        digest.update(f"{name}:{length}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
