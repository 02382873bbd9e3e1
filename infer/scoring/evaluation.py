"""Predictions beside the truth: what every metric of a run is computed from, and computed anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from grounding.card import Card, load_card
from grounding.errors import UserError
from grounding.layout import ANNOTATIONS_FILE
from grounding.matching import Matches, match_detections
from grounding.samples import Detection
from infer.recipe import saved_recipe
from infer.runs.predictions import Prediction, read_predictions
from infer.scoring.ground_truth import (
    asked_expressions,
    image_sizes,
    keep_predicted,
    objects_by_image,
    read_annotations,
    true_names,
)
from infer.scoring.metric_names import METRICS
from infer.scoring.metrics.average_precision import average_precisions
from infer.scoring.metrics.bootstrap import draw_images
from infer.scoring.metrics.coco_ap import CocoScores, coco_results, coco_scores
from infer.scoring.metrics.expressions import expression_ratios, with_categories
from infer.scoring.metrics.f1 import f1_per_category, f1_ratios
from infer.scoring.metrics.presence import presence_ratios
from infer.scoring.metrics.quality import quality_ratios
from infer.scoring.metrics.ratios import FloatArray, Ratio

NO_SCORE = ("AP", "AP50", "AP75")
"""What is given a second time with every score 1.0, where the predictions have scores."""


@dataclass(frozen=True)
class Evaluation:
    """Predictions beside the truth, image by image in the order of the image ids.

    `objects` and `crowds` are by image id; in the questions about an expression (`expressions`, by image id),
    they have the expression as label, as a right answer has.
    """

    card: Card
    annotations: dict[str, Any]
    predictions: tuple[Prediction, ...]
    images_in_data_set: int
    objects: Mapping[int, Sequence[Detection]] = field(repr=False)
    crowds: Mapping[int, Sequence[Detection]] = field(repr=False)
    expressions: Mapping[int, str] = field(repr=False)

    @property
    def categories(self) -> frozenset[str]:
        """The names of the data set's categories."""
        return frozenset(category.name for category in self.card.categories)

    @property
    def has_scores(self) -> bool:
        """Whether any detection has a score."""
        return any(found.score is not None for item in self.predictions for found in item.detections)

    @cached_property
    def matches(self) -> tuple[Matches, ...]:
        """What became of each image's detections."""
        return tuple(
            match_detections(
                item.detections,
                self.objects.get(item.image_id, ()),
                self.crowds.get(item.image_id, ()),
            )
            for item in self.predictions
        )

    @cached_property
    def ratios(self) -> dict[str, Ratio]:
        """Every metric that is a ratio of sums over the images."""
        return {
            **f1_ratios(self.matches),
            **expression_ratios(self.predictions, self.expressions, self.objects),
            **presence_ratios(self.predictions, self.annotations, self.categories),
            **quality_ratios(
                self.predictions, self.categories, self.expressions, image_sizes(self.annotations)
            ),
        }

    @cached_property
    def coco(self) -> CocoScores:
        """COCO's AP and recall, by the predictions' own scores."""
        return self._coco(with_scores=True)

    def results(self) -> list[dict[str, Any]]:
        """Return the detections in COCO's results format."""
        return coco_results(self._in_categories(), self._category_ids())

    def metrics(self) -> dict[str, float | int | None]:
        """Return every metric that the data set's questions define, in the order of METRICS."""
        values: dict[str, float | int | None] = {**self.coco.statistics}
        if self.has_scores:
            without = self._coco(with_scores=False).statistics
            values |= {f"{key}_no_score": without[key] for key in NO_SCORE}
        values |= {key: ratio.value for key, ratio in self.ratios.items()}
        values |= self._counts()
        return {key: values[key] for key in METRICS if key in values}

    def resample(self, weights: FloatArray) -> dict[str, FloatArray]:
        """Return the values of AP, AP50, AP75 and every ratio in each draw, NaN where not defined."""
        drawn = average_precisions(self.coco.ranked, weights)
        return drawn | {key: ratio.resample(weights) for key, ratio in self.ratios.items()}

    def draw(self, draws: int) -> FloatArray:
        """Return how often each image is drawn, shape (draws, images)."""
        files = {image["id"]: image.get("file_name", image["id"]) for image in self.annotations["images"]}
        return draw_images([files[item.image_id] for item in self.predictions], draws)

    def per_category(self) -> dict[str, dict[str, float | int | None]]:
        """Return AP, recall, F1 and counts of each category, in the card's order."""
        names_of_truth = true_names(self.annotations, self.card)
        named = [
            {expression: names_of_truth[item.image_id]}
            if (expression := self.expressions.get(item.image_id)) and item.image_id in names_of_truth
            else {}
            for item in self.predictions
        ]
        names = [category.name for category in self.card.categories]
        f1 = f1_per_category(self.matches, names, named)
        return {name: {**self.coco.per_category.get(name, {}), **f1[name]} for name in names}

    def _counts(self) -> dict[str, int]:
        counts = {
            "images": len(self.predictions),
            "images_in_data_set": self.images_in_data_set,
            "objects": sum(map(len, self.objects.values())),
            "detections": sum(len(item.detections) for item in self.predictions),
        }
        questions = {
            "ref_accuracy_50": "ref_expressions",
            "ref_no_target_accuracy": "ref_no_target",
            "pope_accuracy": "pope_questions",
            "false_positive_rate": "negatives",
        }
        return counts | {
            count: int(self.ratios[key].wholes.sum())
            for key, count in questions.items()
            if key in self.ratios
        }

    def _coco(self, *, with_scores: bool) -> CocoScores:
        return coco_scores(
            self.annotations, self._in_categories(), self._category_ids(), with_scores=with_scores
        )

    def _in_categories(self) -> list[Prediction]:
        names = true_names(self.annotations, self.card)
        return with_categories(self.predictions, self.expressions, names, self.card.categories[0].name)

    def _category_ids(self) -> dict[str, int]:
        return {category.name: category.id for category in self.card.categories}


def read_evaluation(
    predictions_path: Path, dataset: Path | None = None, only: frozenset[int] | None = None
) -> Evaluation:
    """Read predictions and the truth about their images; `only` leaves the images of these ids.

    Raises:
        UserError: no such file, images without a prediction that no `limit` explains, or unknown images.
    """
    if not predictions_path.is_file():
        raise UserError(f"{predictions_path}: no such file: run `python -m infer` first")
    dataset, is_limited = _data_set_of(predictions_path, dataset)
    card = load_card(dataset)
    annotations = read_annotations(dataset / ANNOTATIONS_FILE)
    predictions = read_predictions(predictions_path)
    images_in_data_set = len(annotations["images"])
    if only is not None:
        predictions = [item for item in predictions if item.image_id in only]
    if not predictions:
        raise UserError(f"{predictions_path}: no prediction to score in it: run `python -m infer` again")
    keep_predicted(
        annotations,
        {prediction.image_id for prediction in predictions},
        predictions_path,
        is_limited=is_limited or only is not None,
    )
    return Evaluation(
        card,
        annotations,
        tuple(sorted(predictions, key=lambda item: item.image_id)),
        images_in_data_set,
        *objects_by_image(annotations, card),
        asked_expressions(annotations, card),
    )


def _data_set_of(predictions_path: Path, dataset: Path | None) -> tuple[Path, bool]:
    """Return the data set to score against, and whether infer.yaml says that only some images were asked."""
    recipe = saved_recipe(predictions_path.parent)
    if recipe is None:
        if dataset is None:
            raise UserError(
                f"{predictions_path.parent}: no infer.yaml to tell the data set: add --dataset DIR"
            )
        return dataset, False
    if recipe.split != "val":
        raise UserError(
            f"{predictions_path}: made of the {recipe.split} split: only val has annotations to score by"
        )
    return dataset or recipe.dataset_path, recipe.limit is not None
