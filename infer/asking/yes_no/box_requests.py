"""The yes/no questions about the boxes of one answer, with the pictures that show the boxes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from grounding.boxes import to_grid
from grounding.errors import UserError
from grounding.images.pixels import UNREADABLE, read_pixels
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import Wording
from grounding.samples import Detection
from grounding.yes_no.shown_box import TEXT, draw_shown_box, write_box
from infer.asking.parsed_answers import SizedRequest
from infer.asking.yes_no.yes_probability import ALTERNATIVES
from infer.engines.protocol import Request


@dataclass(frozen=True)
class BoxQuestionForm:
    """How a box is asked about: the wording, the way to show the box, and the format of boxes in a text."""

    wording: Wording
    show: str
    answer_format: str

    def requests(
        self, item: SizedRequest, found: Sequence[Detection], folder: Path, index: int
    ) -> Iterator[Request]:
        """Yield the question about each box; pictures are written into the folder, named by `index`.

        Each shows the one picture that the box is in, whatever the others of its question.

        Raises:
            UserError: the image cannot be read.
        """
        pixels = {} if self.show == TEXT else _pictures_with(found, item)
        for number, detection in enumerate(found):
            image, stated = item.file_of(detection), ""
            if self.show == TEXT:
                size = item.asked.sizes[detection.picture]
                stated = write_box(to_grid(detection.box, size), self.answer_format)
            else:
                image = folder / f"{index}_{number}.png"
                shown = draw_shown_box(pixels[detection.picture], detection.box, self.show)
                shown.save(image, compress_level=1)
            yield replace(
                item.request,
                images=(image,),
                user=IMAGE_PLACEHOLDER + self.wording.ask_about_box(detection.label, stated),
                draw=0,
                alternatives=ALTERNATIVES,
                max_tokens=1,
                is_free_form=True,
            )


def _pictures_with(found: Sequence[Detection], item: SizedRequest) -> dict[int, Image.Image]:
    """Return the pixels of each picture that has a box, by its place in the question.

    Raises:
        UserError: an image cannot be read.
    """
    pixels: dict[int, Image.Image] = {}
    for detection in found:
        path = item.file_of(detection)
        try:
            if detection.picture not in pixels:
                pixels[detection.picture] = read_pixels(path)
        except UNREADABLE as error:
            raise UserError(f"{path}: not usable as an image: {error}") from error
    return pixels
