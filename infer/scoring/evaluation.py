"""Predictions beside the ground truth: what every metric is measured on."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from grounding.card import Card
from grounding.layout import IMAGES_FOLDER
from grounding.matching import Matches, match_detections
from grounding.predictions.annotations import category_by_image
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.run_settings import MAX_DETECTIONS
from infer.scoring.resampling.bootstrap import SEED, draw_images, linked_groups
from infer.scoring.resampling.ratios import FloatArray
from infer.scoring.words.given_descriptions import GivenDescription

MOST_TOGETHER = 0.5
"""Share of the pictures in one group from which on the draws say little."""


@dataclass(frozen=True)
class Evaluation:
    """Predictions beside the ground truth, sorted by image id.

    `annotations` are COCO's, of the predicted images only. `objects` and `crowds` are the same as detections,
    by image id. `expressions` are the referring expressions of the questions about one, by image id: in such
    a question, the objects have the expression as label, as a right answer has. AP and AR count at most
    `max_detections` of a category in an image. `notes` say how the file was read, if it is another tool's.
    `dataset` is the folder of the data set. `descriptions` are the answers to questions for words about a
    region: of pictures in the predictions, or of others.
    """

    card: Card
    annotations: dict[str, Any]
    predictions: tuple[Prediction, ...]
    images_in_data_set: int
    objects: Mapping[int, Sequence[Detection]] = field(repr=False)
    crowds: Mapping[int, Sequence[Detection]] = field(repr=False)
    expressions: Mapping[int, str] = field(repr=False)
    max_detections: int = MAX_DETECTIONS
    notes: tuple[str, ...] = ()
    dataset: Path | None = None
    descriptions: tuple[GivenDescription, ...] = ()

    @property
    def category_ids(self) -> dict[str, int]:
        """The id of each category of the data set, by its name, in the card's order."""
        return {category.name: category.id for category in self.card.categories}

    @property
    def categories(self) -> frozenset[str]:
        """The names of the data set's categories."""
        return frozenset(self.category_ids)

    @property
    def has_scores(self) -> bool:
        """Whether any detection has a score."""
        return any(found.score is not None for item in self.predictions for found in item.detections)

    @cached_property
    def category_of(self) -> dict[int, str]:
        """The category of one object of each image that has any, by image id."""
        return category_by_image(self.annotations, self.card)

    @cached_property
    def matches(self) -> tuple[Matches, ...]:
        """The detections of each image matched with its objects, in the order of the predictions."""
        return tuple(
            match_detections(
                item.detections,
                self.objects.get(item.image_id, ()),
                self.crowds.get(item.image_id, ()),
            )
            for item in self.predictions
        )

    def draw(self, draws: int, seed: int = SEED) -> FloatArray:
        """Return how often each bootstrap draw holds each answer, shape (draws, predictions + descriptions).

        All answers about one picture are drawn together, and so are the pictures of one question: its answer
        says which objects are in which of them, so that they are not independent. Questions that share a
        picture are therefore drawn together, too.
        """
        files = self._files
        by_path = {f"{IMAGES_FOLDER}/{name}": name for name in files.values()}
        described = [by_path.get(item.picture, item.picture) for item in self.descriptions]
        units = self._units
        return draw_images(
            [
                *(units[files[item.image_id]] for item in self.predictions),
                *(units.get(name, name) for name in described),
            ],
            draws,
            seed,
        )

    @property
    def notes_on_draws(self) -> tuple[str, ...]:
        """A note if so many questions share pictures that draws differ by little, and intervals are wrong."""
        units = Counter(self._units[self._files[item.image_id]] for item in self.predictions)
        most = max(units.values(), default=0)
        if not any(item.together for item in self.predictions) or most <= MOST_TOGETHER * units.total():
            return ()
        return (
            f"intervals: {most:,} of {units.total():,} pictures hang together by questions with several "
            f"pictures, so that only {len(units):,} groups can be drawn: the intervals are not reliable",
        )

    @cached_property
    def _files(self) -> dict[int, Hashable]:
        """The file of each image, by image id."""
        return {image["id"]: image.get("file_name", image["id"]) for image in self.annotations["images"]}

    @cached_property
    def _units(self) -> dict[Hashable, Hashable]:
        """For each file, the one that stands for all that are drawn with it."""
        files = self._files
        links = {item.together for item in self.predictions if item.together}
        return linked_groups(
            files.values(), ([files[each] for each in link if each in files] for link in sorted(links))
        )
