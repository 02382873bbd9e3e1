"""Scores of a predictions file: boxes, expressions, presence and the answers' quality, in original pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from grounding.card import Card, load_card
from grounding.errors import UserError
from grounding.samples import Detection
from infer.average_precision import average_precisions
from infer.bootstrap import DRAWS, LEVEL, SEED, Interval, draw_images, interval
from infer.coco_ap import CocoScores, coco_results, coco_scores
from infer.expressions import expression_ratios
from infer.f1 import f1_per_category, f1_ratios
from infer.ground_truth import (
    ANNOTATIONS_FILE,
    asked_expressions,
    image_sizes,
    keep_predicted,
    objects_by_image,
    read_annotations,
)
from infer.matching import Matches, match_detections
from infer.metrics import METRICS
from infer.predictions import Prediction, read_predictions
from infer.presence import false_positives_by_choice, presence_ratios
from infer.quality import count_problems, count_unknown_labels, quality_ratios
from infer.ratios import FloatArray, Ratio
from infer.recipe import saved_recipe

NO_SCORE = ("AP", "AP50", "AP75")
"""What is given a second time with every score 1.0, where the predictions have scores."""

UNKNOWN_LABELS_KEPT = 50


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
        return coco_results(self._with_categories(), self._category_ids())

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
        true_names = self._true_names()
        named = [
            {expression: true_names[item.image_id]}
            if (expression := self.expressions.get(item.image_id)) and item.image_id in true_names
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
            self.annotations, self._with_categories(), self._category_ids(), with_scores=with_scores
        )

    def _category_ids(self) -> dict[str, int]:
        return {category.name: category.id for category in self.card.categories}

    def _true_names(self) -> dict[int, str]:
        """Return the category of an object of each image."""
        names = {category.id: category.name for category in self.card.categories}
        return {item["image_id"]: names[item["category_id"]] for item in self.annotations["annotations"]}

    def _with_categories(self) -> list[Prediction]:
        """Give what was found for an expression the category of its truth, which COCO's AP goes by.

        Where nothing matches the expression it gets the first category: a false positive of any is one.
        """
        true_names = self._true_names()

        def translate(prediction: Prediction) -> Prediction:
            expression = self.expressions.get(prediction.image_id)
            name = true_names.get(prediction.image_id, self.card.categories[0].name)
            translated = (
                replace(item, label=name) if item.label == expression else item
                for item in prediction.detections
            )
            return replace(prediction, detections=tuple(translated))

        return [translate(prediction) for prediction in self.predictions]


@dataclass(frozen=True)
class Scores:
    """What scores.json holds.

    `metrics` are the single numbers (`infer.metrics` says what they mean); shares are 0..1, None where there
    is nothing that could be scored. `intervals` are bootstrap intervals of them, from `draws` draws.
    """

    metrics: dict[str, float | int | None]
    intervals: dict[str, Interval]
    per_category: dict[str, dict[str, float | int | None]]
    negatives_by_choice: dict[str, dict[str, float]]
    problems: dict[str, int]
    unknown_labels: dict[str, int]
    draws: int

    def as_json(self) -> dict[str, Any]:
        """Return the content of scores.json: the metrics as keys of their own, then the tables."""
        return {
            **self.metrics,
            "intervals": {key: list(bounds) for key, bounds in self.intervals.items()},
            "bootstrap": {"draws": self.draws, "seed": SEED, "percent": LEVEL},
            "per_category": self.per_category,
            "negatives_by_choice": self.negatives_by_choice,
            "problems": self.problems,
            "most_frequent_unknown_labels": self.unknown_labels,
        }


def score_predictions(predictions_path: Path, dataset: Path | None = None, draws: int = DRAWS) -> Scores:
    """Score a predictions file against a data set's annotations_val.json.

    Without `dataset` the infer.yaml beside the predictions tells it.

    Raises:
        UserError: what `read_evaluation` refuses.
    """
    return score(read_evaluation(predictions_path, dataset), draws)


def score(evaluation: Evaluation, draws: int = DRAWS) -> Scores:
    """Return all scores, with intervals from so many draws of the images (0: none)."""
    intervals: dict[str, Interval] = {}
    if draws:
        for key, values in evaluation.resample(evaluation.draw(draws)).items():
            if (bounds := interval(values)) is not None:
                intervals[key] = bounds
    arguments = evaluation.predictions, evaluation.annotations, evaluation.categories
    unknown = count_unknown_labels(evaluation.predictions, evaluation.categories, evaluation.expressions)
    return Scores(
        evaluation.metrics(),
        {key: intervals[key] for key in METRICS if key in intervals},
        evaluation.per_category(),
        false_positives_by_choice(*arguments),
        count_problems(evaluation.predictions),
        dict(list(unknown.items())[:UNKNOWN_LABELS_KEPT]),
        draws,
    )


def read_evaluation(
    predictions_path: Path, dataset: Path | None = None, only: frozenset[int] | None = None
) -> Evaluation:
    """Read predictions and the truth about their images; `only` leaves the images of these ids.

    Raises:
        UserError: no such file, images without a prediction that no `limit` explains, or unknown images.
    """
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
