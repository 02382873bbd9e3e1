"""The yes/no questions about the boxes of one answer, with the pictures that show the boxes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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

        Raises:
            UserError: the image cannot be read.
        """
        picture = None
        if found and self.show != TEXT:
            try:
                picture = read_pixels(item.request.picture)
            except UNREADABLE as error:
                raise UserError(f"{item.request.picture}: not usable as an image: {error}") from error
        for number, detection in enumerate(found):
            image, stated = item.request.picture, ""
            if picture is None:
                stated = write_box(to_grid(detection.box, item.size), self.answer_format)
            else:
                image = folder / f"{index}_{number}.png"
                draw_shown_box(picture, detection.box, self.show).save(image, compress_level=1)
            yield replace(
                item.request,
                images=(image,),
                user=IMAGE_PLACEHOLDER + self.wording.ask_about_box(detection.label, stated),
                draw=0,
                alternatives=ALTERNATIVES,
                max_tokens=1,
                is_free_form=True,
            )
