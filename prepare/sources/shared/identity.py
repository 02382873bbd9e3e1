"""Numbers for images that have none, and hashes of what a source holds."""

import hashlib
import posixpath
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from grounding.errors import UserError

ID_LIMIT = 10**15
"""Derived ids have 15 digits: exact in JSON everywhere; of 100,000 names, two meet in one set of 200,000."""


def derived_id(name: str) -> int:
    """Return a number for a name: the same on every machine, whatever other names there are."""
    return int.from_bytes(hashlib.blake2b(_spell(name), digest_size=8).digest(), "big") % ID_LIMIT


def plain_name(name: str) -> str:
    r"""Return an image's name as it is counted: "a//./b.jpg" and "a\b.jpg" are "a/b.jpg"."""
    return posixpath.normpath(name.strip().replace("\\", "/"))


def _spell(name: str) -> bytes:
    """Return a name as bytes, of which a file system that takes accents apart makes no other ones."""
    return unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape")


def check_distinct(names: Iterable[str]) -> None:
    """Refuse names that would get one id.

    Raises:
        UserError: two names meet.
    """
    seen: dict[int, str] = {}
    for name in names:
        other = seen.setdefault(derived_id(name), name)
        if other != name:
            raise UserError(f"'{name}' and '{other}' get one image id by chance: rename one of them")


def hash_files(annotations: Iterable[tuple[str, Path]], images: Iterable[tuple[str, Path]]) -> str:
    """Return a hash of annotation files (role and content) and of images (name and length).

    Reading all image bytes would take minutes. A file that is missing is hashed as missing.

    Raises:
        UserError: an annotation file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for role, path in annotations:
        digest.update(f"{role}\n".encode())
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
        digest.update(f"{name}:{length}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
