"""What pictures compare where words about a region were asked for: true texts, and the answers of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.boxes import Box, Size, from_grid
from grounding.errors import UserError
from grounding.files import is_regular, lies_inside
from grounding.images.pixels import upright_size
from grounding.predictions.prediction_rows import Prediction
from grounding.regions.region_mark import Region
from grounding.yes_no.shown_box import TEXT
from visualize.draw.pictures import open_image
from visualize.read.compared_runs import Run, words_of_all


@dataclass(frozen=True)
class AskedWords:
    """A question for words about a region: the picture that was shown, and the answer of each run.

    `image` is the picture's name in the data set's folder, `path` its file, and `size` its size in pixels.
    """

    image: str
    path: Path
    size: Size
    region: Region
    answers: tuple[Prediction, ...]

    @property
    def box(self) -> Box | None:
        """The region in pixels, where the text states it and no picture shows it."""
        return from_grid(*self.region.box, self.size) if self.region.show == TEXT else None


def read_asked_words(dataset: Path, runs: Sequence[Run], limit: int | None = None) -> list[AskedWords]:
    """Return the first `limit` questions for words that every run has answered, in the order of the last run.

    Raises:
        UserError: a picture is missing or unreadable, or lies outside the data set's folder.
    """
    found = []
    for number in words_of_all(runs)[:limit]:
        last = runs[-1].words[number]
        path = dataset / last.row.image
        if not lies_inside(path, dataset):
            raise UserError(f"{path}: lies outside the data set's folder: prepare the data set again")
        if not last.row.image or not is_regular(path):
            raise UserError(f"{path}: no such image: is the data set complete?")
        with open_image(path, is_whole=False) as image:
            size = upright_size(image)
        answers = tuple(run.words[number].row for run in runs)
        found.append(AskedWords(last.row.image, path, size, last.region, answers))
    return found
