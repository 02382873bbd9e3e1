"""Some images of a source: their headers are read, no pixels."""

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grounding.boxes import Size
from grounding.images.image_formats import IMAGE_FORMATS
from grounding.images.pixels import UNREADABLE, UNSCALED_MODES, orientation_of
from prepare.reasons import IMAGE_DOES_NOT_DECODE, IMAGE_OF_32_BITS, IMAGE_SIZE_DIFFERS, IMAGE_TOO_LARGE
from prepare.source_types import Annotation, ImageData, Lost, Place
from prepare.sources.source import Source

MOST_IMAGES = 200


@dataclass(frozen=True)
class ImageLookedAt:
    """An image with its annotation: the size as stored, the EXIF orientation, and the file's format.

    `fault` is the reason why it could not be used, with the EXIF orientation left aside.
    """

    annotation: Annotation
    data: ImageData
    size: Size | None = None
    orientation: int = 1
    kind: str = ""
    fault: str | None = None

    @property
    def is_turned(self) -> bool:
        """Whether the EXIF orientation changes the picture."""
        return self.orientation != 1


def look_at_images(source: Source, places: Sequence[Place]) -> Iterator[ImageLookedAt]:
    """Yield the images at some places, as far as the source delivers them: each of several by itself."""
    for batch in source.read(places):
        if isinstance(batch, Lost):
            continue
        for annotation, data in batch:
            files: list[ImageData] = [picture.file for picture in annotation.pictures]
            files = files or [data]
            for alone, file in zip(annotation.each_picture(), files, strict=True):
                yield _look(alone, file)


def open_data(data: ImageData) -> Image.Image:
    """Open an image of a source in one of IMAGE_FORMATS.

    Raises:
        OSError and others of UNREADABLE: it is none.
    """
    return Image.open(data if isinstance(data, Path) else io.BytesIO(data or b""), formats=IMAGE_FORMATS)


def _look(annotation: Annotation, data: ImageData) -> ImageLookedAt:
    try:
        with warnings.catch_warnings(), open_data(data) as image:
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata
            size, orientation, mode = Size(*image.size), orientation_of(image), image.mode
            kind = str(image.format)
    except Image.DecompressionBombError:
        return ImageLookedAt(annotation, data, fault=IMAGE_TOO_LARGE)
    except UNREADABLE:
        return ImageLookedAt(annotation, data, fault=IMAGE_DOES_NOT_DECODE)
    fault = IMAGE_OF_32_BITS if mode in UNSCALED_MODES else None
    if annotation.size not in (None, size, size.turned(orientation)):
        fault = IMAGE_SIZE_DIFFERS
    return ImageLookedAt(annotation, data, size, orientation, kind, fault)
