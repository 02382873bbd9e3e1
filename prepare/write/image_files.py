"""Image files: checked, and written byte for byte; as PNG where other programs would see other pixels."""

import io
import os
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.images.image_formats import EXTENSIONS, IMAGE_FORMATS
from grounding.images.pixels import (
    UNREADABLE,
    UNSCALED_MODES,
    is_plain,
    model_pixels,
    orientation_of,
    pixels_as_png,
)
from grounding.layout import IMAGES_FOLDER
from prepare.reasons import (
    IMAGE_DOES_NOT_DECODE,
    IMAGE_OF_32_BITS,
    IMAGE_SIZE_DIFFERS,
    IMAGE_TOO_LARGE,
    IMAGE_TURNED,
    UnusableImageError,
)
from prepare.source_types import Frame
from prepare.write.pixel_check import check_pixels


@dataclass(frozen=True)
class ImageCheck:
    """How images are checked: `verify` and `exif` of the recipe."""

    verify: str = "decode"
    exif: str = "drop"


@dataclass(frozen=True)
class ImageFacts:
    """The frame of an image's boxes, and the extension of the file that is written.

    Of an image that is not plain (`grounding.images.pixels.is_plain`), `pixels` are written as PNG.
    """

    frame: Frame
    extension: str
    pixels: Image.Image | None = None


@dataclass(frozen=True)
class ImageStore:
    """The images of a data set's folder, and how they are checked.

    With `is_resumed`, an interrupted run has written some of them, after the same checks.
    """

    folder: Path
    check: ImageCheck
    is_resumed: bool

    def find_written(self, data: bytes | memoryview, image_id: int) -> str | None:
        """Return the name under which an interrupted run has written these very bytes, None if it has not."""
        if not self.is_resumed:
            return None
        for extension in dict.fromkeys(EXTENSIONS.values()):
            path = self.folder / image_name(image_id, extension)
            if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
                return image_name(image_id, extension)
        return None

    def check_of(self, written: str | None) -> ImageCheck:
        """Return how to check an image; one that was written has been decoded already."""
        return replace(self.check, verify="header") if written else self.check


def check_image(data: bytes | memoryview, size: Size | None, check: ImageCheck) -> ImageFacts:
    """Check an image; `size` is the one that the annotation states, None if it states none.

    With `verify` "decode", whatever Pillow refuses to decode is refused, truncated files for one; with
    "header", what Pillow refuses to open. An image that its EXIF data turns is refused unless
    the recipe says whether its boxes are of the turned or of the stored view: annotation tools do either. An
    image that claims more pixels than Pillow allows is never decoded.

    Raises:
        UnusableImageError: the image cannot be used.
    """
    if not data:
        raise UnusableImageError(IMAGE_DOES_NOT_DECODE)
    try:
        with warnings.catch_warnings(), Image.open(_open(data), formats=IMAGE_FORMATS) as image:
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata
            frame = _frame(image, check.exif)
            if size is not None and frame.size != size:
                raise UnusableImageError(
                    IMAGE_SIZE_DIFFERS, f"{_show(frame.size)}, annotated as {_show(size)}"
                )
            if image.mode in UNSCALED_MODES:
                raise UnusableImageError(IMAGE_OF_32_BITS)
            facts = ImageFacts(frame, EXTENSIONS[str(image.format)])
            if not is_plain(image):
                return ImageFacts(frame, EXTENSIONS["PNG"], model_pixels(image))
            if check.verify == "decode":
                check_pixels(image, data)
    except Image.DecompressionBombError as error:
        raise UnusableImageError(IMAGE_TOO_LARGE) from error
    except UNREADABLE as error:
        raise UnusableImageError(IMAGE_DOES_NOT_DECODE) from error
    return facts


def bytes_to_write(data: bytes | memoryview, facts: ImageFacts) -> bytes | memoryview:
    """Return what the data set's folder gets of a checked image: its own bytes, or its pixels as PNG."""
    return data if facts.pixels is None else pixels_as_png(facts.pixels)


def _frame(image: Image.Image, exif: str) -> Frame:
    """Return the frame of an image's boxes.

    Raises:
        UnusableImageError: the image is turned, and `exif` does not say which view the boxes are of.
    """
    stored, orientation = Size(*image.size), orientation_of(image)
    if orientation != 1 and exif == "drop":
        raise UnusableImageError(IMAGE_TURNED)
    return Frame(stored.turned(orientation)) if exif == "turned" else Frame(stored, orientation)


def _show(size: Size) -> str:
    return f"{size.width}x{size.height}"


def image_name(image_id: int, extension: str) -> str:
    """Return an image's path in the data set's folder, named by number alone, as in COCO."""
    return f"{IMAGES_FOLDER}/{image_id:012d}.{extension}"


def write_image(data: bytes | memoryview, path: Path) -> None:
    """Write an image, whole or not at all.

    Images are not synced to the disk one by one, which would make a run several times slower: `finish_folder`
    does that once for all, before it writes the card.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    # Two threads can write the same content under the same name: each has a file of its own beside it.
    beside = path.with_name(f".{path.name}.{threading.get_native_id()}.part")
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
    # No file object of Python: that would double the system calls, and there are many images.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
    finally:
        os.close(handle)


class _View(io.RawIOBase):
    """Bytes in another library's memory as a file, without a copy: most of an image is never read."""

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
