"""The records of questions about a box, and the pictures that show their boxes."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from grounding.boxes import Box, GridBox, Size, from_grid
from grounding.regions.region_mark import REGION_KEY
from grounding.regions.shown_region import draw_shown_region
from grounding.yes_no.shown_box import TEXT, draw_shown_box
from grounding.yes_no.yes_no_mark import YES_NO_KEY
from prepare.questions.image_records import ImageRecords
from prepare.questions.regions.region_questions import make_region_record
from prepare.questions.yes_no.box_questions import make_box_record
from prepare.recipe import PrepareRecipe
from prepare.write.drawn_files import DrawnFiles
from prepare.write.image_files import ImageFacts

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
    pictures = DrawnFiles(made.image, data, facts, folder)
    for question in made.box_questions:
        name = _show(pictures, YES_NO_KEY, question.box, recipe.yes_no.show, draw_shown_box)
        made.records.append(make_box_record(name, question, recipe.answer_format))
    for asked in made.region_questions:
        name = _show(pictures, REGION_KEY, asked.region.box, asked.region.show, draw_shown_region)
        made.records.append(make_region_record(name, asked, recipe.answer_format))
    for key, questions in ((YES_NO_KEY, made.box_questions), (REGION_KEY, made.region_questions)):
        if questions:
            made.counts[key] += len(questions)


def _show(pictures: DrawnFiles, kind: str, box: GridBox, show: str, draw: Draw) -> str:
    """Return the path, in the data set's folder, of the picture that shows a box."""
    if show == TEXT:
        return pictures.image
    picture = pictures.pixels
    return pictures.write(draw(picture, from_grid(*box, Size(*picture.size)), show), kind)
