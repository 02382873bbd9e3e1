"""The files below a folder, and the heads of some of them: bounded, whatever the folder holds.

Links that leave the folder are neither followed nor opened. Only regular files are opened, and of each at
most a few pieces of `HEAD` bytes are read.
"""

import csv
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from grounding.errors import UserError
from prepare.sources.shared.listed import IMAGE_SUFFIXES
from prepare.sources.signs.json_head import JsonHead, first_rows, json_head
from prepare.sources.signs.xml_head import XmlHead, xml_head

HEAD = 1 << 16
"""Bytes of a file that are read at once, 64 KiB."""

MOST_FILES = 500_000
"""Files and folders that are listed; walking more takes longer than some seconds."""

ALL_OF, FEW_OF_EACH, MOST_LOOKED_AT = 64, 8, 256
"""So many files of a suffix are all looked into; of more, a few of each folder, and so many at most."""


@dataclass(frozen=True)
class FolderListing:
    """Paths are relative to `folder`, with "/", in their order.

    `special` are pipes and devices; `leaving` are links to somewhere else. Without `is_complete`, there are
    more files than are listed, or folders that cannot be read.
    """

    folder: Path
    files: tuple[str, ...]
    special: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    is_complete: bool = True
    _known: dict[tuple[str, str], Any] = field(default_factory=dict)

    @cached_property
    def known(self) -> frozenset[str]:
        """The files as a set."""
        return frozenset(self.files)

    @cached_property
    def by_suffix(self) -> dict[str, list[str]]:
        """The files of each suffix, in small letters."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.files:
            found[PurePosixPath(name).suffix.lower()].append(name)
        return found

    @property
    def images(self) -> list[str]:
        """The image files."""
        return [name for suffix in sorted(IMAGE_SUFFIXES) for name in self.by_suffix.get(suffix, ())]

    def with_suffix(self, *suffixes: str) -> list[str]:
        """Return the files of these suffixes, in their order."""
        return sorted(name for suffix in suffixes for name in self.by_suffix.get(suffix, ()))

    def sample(self, *suffixes: str) -> list[str]:
        """Return the files of these suffixes that are looked into: all, or some spread over each folder."""
        names = self.with_suffix(*suffixes)
        if len(names) <= ALL_OF:
            return names
        folders: dict[str, list[str]] = defaultdict(list)
        for name in names:
            folders[folder_of(name)].append(name)
        few = [name for found in folders.values() for name in spread(found, FEW_OF_EACH)]
        return spread(few, MOST_LOOKED_AT)

    def head(self, name: str) -> bytes:
        """Return the first bytes of a file, b"" if it cannot be read."""
        return bytes(self._once("head", name, lambda: _read(self.folder / name, 0)))

    def holds_word(self, name: str, words: Sequence[bytes]) -> bool:
        """Tell whether one of some words is in the head of a file, or in one of four pieces further on."""
        path = self.folder / name
        try:
            size = path.stat().st_size
        except OSError:
            return False
        starts = dict.fromkeys([0, *(max(0, size * part // 4 - HEAD) for part in range(1, 5))])
        return any(word in piece for piece in (_read(path, start) for start in starts) for word in words)

    def json(self, name: str) -> JsonHead:
        """Return the keys in the head of a JSON or JSONL file."""
        found: JsonHead = self._once("json", name, lambda: json_head(self.head(name)))
        return found

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the first objects of JSON lines, or of a JSON array, as far as they are in the head."""
        found: list[dict[str, Any]] = self._once("rows", name, lambda: first_rows(self.head(name)))
        return found

    def xml(self, name: str) -> XmlHead:
        """Return the names of the elements in the head of an XML file."""
        found: XmlHead = self._once("xml", name, lambda: xml_head(self.head(name)))
        return found

    def lines(self, name: str) -> list[str]:
        """Return the whole lines in the head of a text file, without blank ones."""
        head = self.head(name)
        text = head.decode("utf-8-sig", "replace")
        lines = text.splitlines()
        return [line.strip() for line in (lines[:-1] if len(head) == HEAD else lines) if line.strip()]

    def columns(self, name: str) -> frozenset[str]:
        """Return the names in the header of a CSV file."""
        header = next(csv.reader(self.lines(name)[:1]), [])
        return frozenset(column.strip().lstrip("#") for column in header)

    def _once(self, what: str, name: str, read: Any) -> Any:
        if (what, name) not in self._known:
            self._known[what, name] = read()
        return self._known[what, name]


def list_folder(folder: Path) -> FolderListing:
    """List a folder without hidden files; a link counts only if it leads to a file inside the folder.

    Raises:
        UserError: no such folder, or it cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    root = os.path.realpath(folder)
    files: list[str] = []
    special: list[str] = []
    leaving: list[str] = []
    is_complete = True
    waiting = [""]
    folders = 0
    while waiting and folders + len(files) + len(special) + len(leaving) < MOST_FILES:
        below = waiting.pop()
        folders += 1
        try:
            with os.scandir(folder / below) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if not below:
                raise UserError(f"{folder}: cannot be read: {error.strerror or error}") from error
            is_complete = False
            continue
        for entry in found:
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_symlink() and not _leads_inside(entry.path, root):
                leaving.append(name)
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(name)
            elif entry.is_file():
                files.append(name)
            elif not entry.is_dir():
                special.append(name)
    return FolderListing(
        folder, tuple(sorted(files)), tuple(special), tuple(leaving), is_complete and not waiting
    )


def folder_of(name: str) -> str:
    """Return the folder of a relative path, "" for a file at the top."""
    return name.rpartition("/")[0]


def spread(names: Sequence[Any], most: int) -> list[Any]:
    """Return at most so many items, evenly spread."""
    if len(names) <= most:
        return list(names)
    return [names[number * len(names) // most] for number in range(most)]


def _leads_inside(path: str, root: str) -> bool:
    try:
        real = os.path.realpath(path)
        return os.path.commonpath((root, real)) == root
    except (OSError, ValueError):
        return False


def _read(path: Path, start: int) -> bytes:
    """Return a piece of a regular file, b"" if it cannot be read."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            file.seek(start)
            return file.read(HEAD)
    except (OSError, ValueError):
        return b""
