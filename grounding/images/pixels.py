"""The pixels that a model sees in an image file: one rule for every step.

The EXIF orientation is applied. Alpha, and colours that a palette or a PNG makes transparent, are laid on
white. Greys of 16 bits keep their upper 8 bits, as Pillow does with colours of 16 bits. CMYK, palettes and
greys become RGB as Pillow converts them, without colour profiles. Of an animation the first frame counts.
"""

import io
import struct
from pathlib import Path

from PIL import ExifTags, Image, ImageOps

from grounding.boxes import Size
from grounding.images.image_formats import IMAGE_FORMATS

WHITE = (255, 255, 255)

PLAIN_FORMATS = frozenset(IMAGE_FORMATS) - {"TIFF"} | {"MPO"}
"""Formats that every trainer and server reads."""

PLAIN_MODES = frozenset({"1", "L", "P", "RGB", "CMYK", "YCbCr"})
"""Pillow's modes that `Image.convert("RGB")` alone turns into the pixels of `model_pixels`."""

UNSCALED_MODES = frozenset({"I", "F"})
"""Modes of 32 bits, whose values have no fixed scale."""

TURNED = range(2, 9)
"""The values of the EXIF orientation that change the picture (EXIF 2.3, tag 0x0112)."""


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
METADATA_CHUNKS = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})
"""Chunks of PNG files with EXIF or XMP data."""

UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError)
"""What Pillow raises about damaged files, and about files of more pixels than it decodes."""


def open_picture(path: Path) -> Image.Image:
    """Open a file as an image in one of IMAGE_FORMATS; pixels are read and decoded when they are used.

    Raises:
        OSError: the file cannot be read, or is no such image.
        Image.DecompressionBombError: it claims more pixels than Pillow decodes.
    """
    return Image.open(path, formats=IMAGE_FORMATS)


def read_pixels(path: Path | str) -> Image.Image:
    """Return the pixels that a model sees in a file: RGB, upright.

    Raises:
        OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError: Pillow cannot
            decode the file.
    """
    with open_picture(Path(path)) as image:
        return model_pixels(image)


def check_scale(image: Image.Image) -> None:
    """Check that the pixels have a scale that is known without looking at them.

    Raises:
        ValueError: they are floats or integers of 32 bits.
    """
    if image.mode in UNSCALED_MODES:
        raise ValueError(f"pixels of 32 bits (mode {image.mode}) have no fixed scale: convert them to 8 bits")


def model_pixels(image: Image.Image) -> Image.Image:
    """Return the pixels that a model sees in an image: RGB, upright, a copy.

    Raises:
        ValueError: as `check_scale`.
    """
    check_scale(image)
    upright = ImageOps.exif_transpose(image)  # first, as conversions can lose the EXIF data
    if upright.mode.startswith("I;16"):
        return _upper_bits(upright).convert("RGB")
    if _has_alpha(upright):
        opaque = upright.convert("RGBA")
        ground = Image.new("RGBA", opaque.size, (*WHITE, 255))
        return Image.alpha_composite(ground, opaque).convert("RGB")
    return upright.convert("RGB")


def pixels_as_png(image: Image.Image) -> bytes:
    """Return `model_pixels` as a PNG file.

    Raises:
        ValueError: as `check_scale`.
    """
    file = io.BytesIO()
    model_pixels(image).save(file, "PNG")
    return file.getvalue()


def is_plain(image: Image.Image) -> bool:
    """Tell whether every program that opens the file with `convert("RGB")` sees what `model_pixels` returns.

    Only images with alpha are decoded: an alpha channel that is opaque everywhere changes nothing.
    """
    if image.format not in PLAIN_FORMATS or orientation_of(image) in TURNED:
        return False
    if image.mode not in PLAIN_MODES | {"RGBA", "LA"}:
        return False
    return not _has_alpha(image) or image.convert("RGBA").getchannel("A").getextrema() == (255, 255)


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation; 1, upright, if the file states none or an unknown one."""
    if image.format == "PNG" and not _png_has_metadata(image):
        return 1  # Pillow would decode the picture to look behind it
    found = image.getexif().get(ExifTags.Base.Orientation, 1)
    return found if found in TURNED else 1


def upright_size(image: Image.Image) -> Size:
    """Return the size of `model_pixels`, without decoding the image."""
    return Size(*image.size).turned(orientation_of(image))


def _png_has_metadata(image: Image.Image) -> bool:
    """Tell whether a PNG file has a chunk that can hold an orientation, before or behind its pixels.

    Source of the chunks' layout: PNG specification, section 5.3: length, type, content, CRC.
    """
    file = getattr(image, "fp", None)
    if file is None:  # decoded already: everything is known
        return True
    place = file.tell()
    try:
        file.seek(len(PNG_SIGNATURE))
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind in METADATA_CHUNKS:
                return True
            file.seek(length + 4, io.SEEK_CUR)
    finally:
        file.seek(place)
    return False


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _upper_bits(image: Image.Image) -> Image.Image:
    import numpy as np

    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
