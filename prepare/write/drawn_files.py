"""Pictures that are made of an image of the data set, such as views of it, named by their content."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from grounding.images.pixels import UNREADABLE, model_pixels
from grounding.layout import IMAGES_FOLDER
from grounding.regions.region_mark import REGION_KEY
from grounding.yes_no.yes_no_mark import YES_NO_KEY
from prepare.reasons import IMAGE_DOES_NOT_DECODE, UnusableImageError
from prepare.write.image_files import ImageFacts, write_image

VIEW = "view"
DRAWN_KINDS = (YES_NO_KEY, REGION_KEY, VIEW)

DRAWN_NAME = rf"({'|'.join(DRAWN_KINDS)})_[0-9a-f]{{32}}\.png"
"""The file names of these pictures, as a regular expression."""

DIGEST_BYTES = 16


def drawn_name(kind: str, digest: bytes) -> str:
    """Return the path, in the data set's folder, of a picture for one of DRAWN_KINDS of questions.

    `digest` is the BLAKE2b hash of the file's bytes, DIGEST_BYTES long.
    """
    return f"{IMAGES_FOLDER}/{kind}_{digest.hex()}.png"


def is_drawn(name: str, digest: bytes) -> bool:
    """Tell whether a file with this hash has the name under which preparing has written the picture."""
    return any(name == drawn_name(kind, digest) for kind in DRAWN_KINDS)


def is_view(name: str, digest: bytes) -> bool:
    """Tell whether a file with this hash has the name under which preparing has written a view."""
    return name == drawn_name(VIEW, digest)


@dataclass(frozen=True)
class DrawnFiles:
    """The pictures that are made of one image, which is decoded when the first is made."""

    image: str
    data: bytes | memoryview
    facts: ImageFacts
    folder: Path

    @cached_property
    def pixels(self) -> Image.Image:
        """The upright pixels of the image, as the model sees them.

        Raises:
            UnusableImageError: the image does not decode.
        """
        if self.facts.pixels is not None:
            return self.facts.pixels
        try:
            with warnings.catch_warnings(), Image.open(io.BytesIO(self.data)) as image:
                warnings.simplefilter("ignore")  # Pillow warns about odd metadata
                return model_pixels(image)
        except UNREADABLE as error:
            raise UnusableImageError(IMAGE_DOES_NOT_DECODE) from error

    def write(self, picture: Image.Image, kind: str) -> str:
        """Write a picture unless it is there, and return its path in the data set's folder.

        Raises:
            UserError: the disk is full, or the folder cannot be written.
        """
        file = io.BytesIO()
        picture.save(file, "PNG")
        content = file.getvalue()
        name = drawn_name(kind, hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest())
        path = self.folder / name
        if not (path.is_file() and path.stat().st_size == len(content)):
            write_image(content, path)
        return name
