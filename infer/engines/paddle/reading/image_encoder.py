"""Images encoded once: by content, as the same image can lie in several files, and a file can change."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from infer.engines.kept import Kept
from models.family import EncodedImage

CHUNK = 1 << 20


class ImageEncoder:
    """Encodes each image of one call once, and takes it from what is kept of earlier calls."""

    def __init__(self, encode: Callable[[Path], EncodedImage], kept: Kept) -> None:
        """Take the function that encodes a file, and what is kept."""
        self._encode, self._kept = encode, kept
        self._of_file: dict[Path, EncodedImage] = {}
        self._of_content: dict[str, EncodedImage] = {}

    def encode(self, image: Path) -> EncodedImage:
        """Return the image in a file; the same object for the same content.

        Raises:
            UserError: the image cannot be read.
        """
        if image not in self._of_file:
            self._of_file[image] = self._by_content(image)
        return self._of_file[image]

    def _by_content(self, image: Path) -> EncodedImage:
        try:
            before = _state(image)
            content = _digest(image)
        except OSError:
            return self._encode(image)  # it names the file and the cause
        found = self._of_content.get(content) or self._kept.find(content)
        if found is None:
            found = self._encode(image)
            if _state(image) != before:
                return found  # somebody wrote the file meanwhile: it may be another image
            self._kept.put(content, found)
        self._of_content[content] = found
        return found


def _state(file: Path) -> tuple[int, ...]:
    state = file.stat()
    return (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)


def _digest(file: Path) -> str:
    content = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            content.update(chunk)
    return content.hexdigest()
