"""Image bytes: checked, and written as they are."""

import io
import os
import warnings
from pathlib import Path

from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError

IMAGE_DOES_NOT_DECODE = "image does not decode"
IMAGE_SIZE_DIFFERS = "image size differs from the annotation"
IMAGE_TURNED = "image is turned by its EXIF orientation"

EXIF_ORIENTATION = 0x0112
# A camera's JPEG with a preview inside is MPO to Pillow.
EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "BMP": "bmp", "GIF": "gif"}


def check_image(data: bytes | None, size: Size, verify: str) -> tuple[str | None, str | None]:
    """Return the file name extension that the bytes ask for, or why the image cannot be used.

    A truncated file is found with `verify` "decode" only. An image that its EXIF data turns is refused:
    some readers turn it and others do not, and the boxes fit one of the two.
    """
    if not data:
        return None, IMAGE_DOES_NOT_DECODE
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("ignore")  # Pillow's remarks about odd metadata
            extension = EXTENSIONS.get(str(image.format))
            if extension is None:
                return None, IMAGE_DOES_NOT_DECODE
            if image.size != (size.width, size.height):
                return None, IMAGE_SIZE_DIFFERS
            if image.getexif().get(EXIF_ORIENTATION, 1) not in (0, 1):
                return None, IMAGE_TURNED
            if verify == "decode":
                # A JPEG decoded in grey at an eighth of its size is still read to its last byte.
                image.draft("L", (1, 1))
                image.load()
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return None, IMAGE_DOES_NOT_DECODE
    return extension, None


def image_name(image_id: int, extension: str) -> str:
    """Return an image's path in the data set's folder, named as COCO does."""
    return f"images/{image_id:012d}.{extension}"


def write_image(data: bytes, path: Path) -> None:
    """Write an image, unless the file is there with these very bytes from a run that was interrupted.

    It is whole or absent, but not forced to the disk one by one, which makes a run several times slower:
    `finish` does that once, for all of them, before there is a card.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
