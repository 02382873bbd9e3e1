"""Image bytes: checked, and written as they are."""

import io
import os
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError

IMAGE_DOES_NOT_DECODE = "image does not decode"
IMAGE_TOO_LARGE = "image claims too many pixels to be decoded"
IMAGE_SIZE_DIFFERS = "image size differs from the annotation"
IMAGE_TURNED = "image is turned by its EXIF orientation"

EXIF_ORIENTATION = 0x0112
# A camera's JPEG with a preview inside is MPO to Pillow.
EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "GIF": "gif"}


@dataclass(frozen=True)
class ImageCheck:
    """What the images of a data set have to be: `verify` and `exif` of the recipe."""

    verify: str = "decode"
    exif: str = "drop"


@dataclass(frozen=True)
class ImageFacts:
    """An image's size, in pixels as stored, and the file name extension that its bytes ask for."""

    size: Size
    extension: str


def check_image(data: bytes | memoryview | None, size: Size | None, check: ImageCheck) -> ImageFacts | str:
    """Return an image's facts, or why it cannot be used; `size` is what the annotation states, if anything.

    A truncated file is found with `verify` "decode" only. An image that its EXIF data turns is refused
    unless the recipe says that boxes are in the stored frame: some readers turn it and others do not, and
    the boxes fit one of the two. What claims more pixels than Pillow thinks sane is never decoded.
    """
    if not data:
        return IMAGE_DOES_NOT_DECODE
    try:
        with warnings.catch_warnings(), Image.open(_open(data)) as image:
            warnings.simplefilter("ignore")  # Pillow's remarks about odd metadata
            extension = EXTENSIONS.get(str(image.format))
            if extension is None:
                return IMAGE_DOES_NOT_DECODE
            stored = Size(*image.size)
            if size is not None and stored != size:
                return IMAGE_SIZE_DIFFERS
            if check.exif == "drop" and image.getexif().get(EXIF_ORIENTATION, 1) not in (0, 1):
                return IMAGE_TURNED
            if check.verify == "decode":
                # A JPEG decoded in grey at an eighth of its size is still read to its last byte.
                image.draft("L", (1, 1))
                image.load()
    except Image.DecompressionBombError:
        return IMAGE_TOO_LARGE
    except (OSError, ValueError, SyntaxError, EOFError):
        return IMAGE_DOES_NOT_DECODE
    return ImageFacts(stored, extension)


def image_name(image_id: int, extension: str) -> str:
    """Return an image's path in the data set's folder, named as COCO does: by number alone."""
    return f"images/{image_id:012d}.{extension}"


def find_written(data: bytes | memoryview, folder: Path, image_id: int) -> str | None:
    """Return the name under which these very bytes are in the folder, from a run that was interrupted."""
    for extension in dict.fromkeys(EXTENSIONS.values()):
        path = folder / image_name(image_id, extension)
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return image_name(image_id, extension)
    return None


def write_image(data: bytes | memoryview, path: Path) -> None:
    """Write an image.

    It is whole or absent, but not forced to the disk one by one, which makes a run several times slower:
    `finish` does that once, for all of them, before there is a card.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            _write(data, beside)
        except FileNotFoundError:  # the first image of the folder
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(data, beside)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def _write(data: bytes | memoryview, path: Path) -> None:
    # Without Python's file object: half the system calls, and there are many images.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


class _View(io.RawIOBase):
    """Bytes of another library's memory as a file, without a copy: most of an image is never looked at."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: len(self._data)}[whence]
        self._place = max(0, start + offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        piece = self._data[self._place : self._place + len(buffer)]
        buffer[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)


def _open(data: bytes | memoryview) -> IO[bytes]:
    return io.BytesIO(data) if isinstance(data, bytes) else io.BufferedReader(_View(data))
