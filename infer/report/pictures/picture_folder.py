"""The picture files in a folder: all that are there, and those that a camera has finished writing."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from grounding.errors import UserError
from grounding.files import find_outside, is_unicode
from grounding.images.image_formats import EXTENSIONS
from grounding.images.pixels import UNREADABLE, read_pixels

SUFFIXES = frozenset(f".{name}" for name in (*EXTENSIONS.values(), "jpeg", "tiff"))

ENDS = {b"\x89PNG": b"IEND\xaeB`\x82", b"\xff\xd8": b"\xff\xd9"}
"""How files begin -> what stands at their end. Pillow decodes some pictures that lack their last bytes."""

TAIL = 4096
"""Bytes at the end of a file in which its end is looked for: cameras append notes of their own."""

Stamp = tuple[int, int]
"""Bytes of a file, and the time of its last change in ns."""


def list_pictures(folder: Path, only: str | None = None) -> dict[str, Stamp]:
    """Return the stamps of the picture files in a folder and below, by their paths in it, in order.

    Hidden files and folders are left out, as cameras and copying programs write their unfinished files there;
    so are links that lead out of the folder, and names that are not UTF-8. With `only`, all other files are
    left out.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of pictures")
    names = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        names += [
            Path(place) / name
            for name in files
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".") and is_unicode(name)
        ]
    outside = set(find_outside(names, folder))
    if only is not None:
        names = [path for path in names if path == folder / only]
    found = {path.relative_to(folder).as_posix(): stamp_of(path) for path in names if path not in outside}
    return {name: stamp for name, stamp in sorted(found.items()) if stamp is not None}


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a regular file, None where there is none (any more)."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if path.is_file() else None


def is_whole(path: Path) -> bool:
    """Tell whether a picture can be decoded to its end."""
    try:
        read_pixels(path)
    except UNREADABLE:
        return False
    return True


def has_end(path: Path) -> bool:
    """Tell whether a file holds the bytes that end its format; True for formats that have none.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        tail = file.read()
    return all(end in tail for start, end in ENDS.items() if head.startswith(start))


@dataclass
class SettledPictures:
    """Tells which files of a folder are finished, from one look at it to the next.

    A file is finished when its stamp has not changed for `settle_seconds`, it can be decoded, and it has the
    end of its format. Any other is waited for `patience_seconds`; then it counts as finished as it is.
    """

    folder: Path
    settle_seconds: float
    patience_seconds: float
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[Stamp, float]] = field(default_factory=dict)
    _unfinished: dict[str, Stamp] = field(default_factory=dict)

    def finished(self, stamps: dict[str, Stamp]) -> Iterator[str]:
        """Yield the finished files among those that a look has found."""
        now = self.clock()
        self._seen = {
            name: self._seen[name] if name in self._seen and self._seen[name][0] == stamp else (stamp, now)
            for name, stamp in stamps.items()
        }
        for name, (stamp, since) in self._seen.items():
            if now - since < self.settle_seconds:
                continue
            is_late = now - since >= self.patience_seconds
            if self._unfinished.get(name) == stamp and not is_late:
                continue  # tried already: it is as it was
            path = self.folder / name
            if is_late or _is_finished(path):
                if stamp_of(path) == stamp:
                    yield name
            else:
                self._unfinished[name] = stamp


def _is_finished(path: Path) -> bool:
    try:
        return has_end(path) and is_whole(path)
    except OSError:  # it is gone
        return False
