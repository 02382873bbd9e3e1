"""The records of yes/no questions, and the pictures that show their boxes, named by their content."""

import hashlib
import io
import warnings
from pathlib import Path

from PIL import Image

from grounding.boxes import Size, from_grid
from grounding.images.pixels import UNREADABLE, model_pixels
from grounding.layout import IMAGES_FOLDER
from grounding.yes_no.shown_box import TEXT, draw_shown_box
from grounding.yes_no.yes_no_mark import YES_NO_KEY
from prepare.questions.image_records import ImageRecords
from prepare.questions.yes_no.box_questions import BoxQuestion, make_box_record
from prepare.reasons import IMAGE_DOES_NOT_DECODE, UnusableImageError
from prepare.recipe import PrepareRecipe
from prepare.write.image_files import ImageFacts, write_image

DRAWN_NAME = r"yes_no_[0-9a-f]{32}\.png"
"""The file names of pictures that show a box, as a regular expression."""


def add_box_records(
    made: ImageRecords, data: bytes | memoryview, facts: ImageFacts, folder: Path, recipe: PrepareRecipe
) -> None:
    """Add a record for each yes/no question of an image; its picture is written into the data set's folder.

    The picture shows the box at its place on the 0..1000 grid, as inference will show it.

    Raises:
        UnusableImageError: the image does not decode.
        UserError: the disk is full, or the folder cannot be written.
    """
    if not made.box_questions:
        return
    show, picture = recipe.yes_no.show, None if recipe.yes_no.show == TEXT else _decode(data, facts)
    for question in made.box_questions:
        name = made.image if picture is None else _write_picture(picture, question, show, folder)
        made.records.append(make_box_record(name, question, recipe.answer_format))
    made.counts[YES_NO_KEY] += len(made.box_questions)


def _decode(data: bytes | memoryview, facts: ImageFacts) -> Image.Image:
    if facts.pixels is not None:
        return facts.pixels
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("ignore")  # Pillow warns about odd metadata
            return model_pixels(image)
    except UNREADABLE as error:
        raise UnusableImageError(IMAGE_DOES_NOT_DECODE) from error


def _write_picture(picture: Image.Image, question: BoxQuestion, show: str, folder: Path) -> str:
    """Write the picture of a question unless it is there, and return its path in the data set's folder."""
    file = io.BytesIO()
    draw_shown_box(picture, from_grid(*question.box, Size(*picture.size)), show).save(file, "PNG")
    content = file.getvalue()
    name = f"{IMAGES_FOLDER}/yes_no_{hashlib.blake2b(content, digest_size=16).hexdigest()}.png"
    path = folder / name
    if not (path.is_file() and path.stat().st_size == len(content)):
        write_image(content, path)
    return name
