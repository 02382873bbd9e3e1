"""The records of questions about a box, and the pictures that show their boxes, named by their content."""

import hashlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from grounding.boxes import Box, GridBox, Size, from_grid
from grounding.images.pixels import UNREADABLE, model_pixels
from grounding.layout import IMAGES_FOLDER
from grounding.regions.region_mark import REGION_KEY
from grounding.regions.shown_region import draw_shown_region
from grounding.yes_no.shown_box import TEXT, draw_shown_box
from grounding.yes_no.yes_no_mark import YES_NO_KEY
from prepare.questions.image_records import ImageRecords
from prepare.questions.regions.region_questions import make_region_record
from prepare.questions.yes_no.box_questions import make_box_record
from prepare.reasons import IMAGE_DOES_NOT_DECODE, UnusableImageError
from prepare.recipe import PrepareRecipe
from prepare.write.image_files import ImageFacts, write_image

DRAWN_NAME = rf"({YES_NO_KEY}|{REGION_KEY})_[0-9a-f]{{32}}\.png"
"""The file names of pictures that show a box, as a regular expression."""

DRAWN_KINDS = (YES_NO_KEY, REGION_KEY)
DIGEST_BYTES = 16

Draw = Callable[[Image.Image, Box, str], Image.Image]


def add_box_records(
    made: ImageRecords, data: bytes | memoryview, facts: ImageFacts, folder: Path, recipe: PrepareRecipe
) -> None:
    """Add a record for each question about a box; its picture is written into the data set's folder.

    These are the image's yes/no questions and its questions for words. The picture shows the box at its place
    on the 0..1000 grid, as inference will show it.

    Raises:
        UnusableImageError: the image does not decode.
        UserError: the disk is full, or the folder cannot be written.
    """
    pictures = _BoxPictures(made.image, data, facts, folder)
    for question in made.box_questions:
        name = pictures.show(YES_NO_KEY, question.box, recipe.yes_no.show, draw_shown_box)
        made.records.append(make_box_record(name, question, recipe.answer_format))
    for asked in made.region_questions:
        name = pictures.show(REGION_KEY, asked.region.box, asked.region.show, draw_shown_region)
        made.records.append(make_region_record(name, asked, recipe.answer_format))
    for key, questions in ((YES_NO_KEY, made.box_questions), (REGION_KEY, made.region_questions)):
        if questions:
            made.counts[key] += len(questions)


def drawn_name(kind: str, digest: bytes) -> str:
    """Return the path, in the data set's folder, of a picture for one of DRAWN_KINDS of questions.

    `digest` is the BLAKE2b hash of the file's bytes, DIGEST_BYTES long.
    """
    return f"{IMAGES_FOLDER}/{kind}_{digest.hex()}.png"


def is_drawn(name: str, digest: bytes) -> bool:
    """Tell whether a file with this hash has the name under which preparing has written the picture."""
    return any(name == drawn_name(kind, digest) for kind in DRAWN_KINDS)


@dataclass(frozen=True)
class _BoxPictures:
    """The pictures of the boxes of one image, which is decoded when the first is drawn."""

    image: str
    data: bytes | memoryview
    facts: ImageFacts
    folder: Path

    def show(self, kind: str, box: GridBox, show: str, draw: Draw) -> str:
        """Return the path, in the data set's folder, of the picture that shows a box."""
        if show == TEXT:
            return self.image
        picture = self._pixels
        return self._write(draw(picture, from_grid(*box, Size(*picture.size)), show), kind)

    @cached_property
    def _pixels(self) -> Image.Image:
        if self.facts.pixels is not None:
            return self.facts.pixels
        try:
            with warnings.catch_warnings(), Image.open(io.BytesIO(self.data)) as image:
                warnings.simplefilter("ignore")  # Pillow warns about odd metadata
                return model_pixels(image)
        except UNREADABLE as error:
            raise UnusableImageError(IMAGE_DOES_NOT_DECODE) from error

    def _write(self, picture: Image.Image, kind: str) -> str:
        """Write a picture unless it is there, and return its path in the data set's folder."""
        file = io.BytesIO()
        picture.save(file, "PNG")
        content = file.getvalue()
        name = drawn_name(kind, hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest())
        path = self.folder / name
        if not (path.is_file() and path.stat().st_size == len(content)):
            write_image(content, path)
        return name
