"""Scores of a predictions file: COCO AP, F1 and the quality of the answers, in original pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grounding.answers import DUPLICATE, TRUNCATED
from grounding.card import Card, load_card
from grounding.errors import UserError
from infer.coco_ap import coco_statistics
from infer.ground_truth import (
    ANNOTATIONS_FILE,
    asked_expressions,
    keep_predicted,
    objects_by_image,
    read_annotations,
)
from infer.matching import Matches, match_detections
from infer.predictions import Prediction, read_predictions
from infer.recipe import saved_recipe

IOU_THRESHOLD = 0.5


@dataclass(frozen=True)
class Scores:
    """What scores.json holds; shares are 0..1, None where a metric is not defined.

    AP to AR are COCO's (`infer.coco_ap`). precision_50, recall_50 and f1_50 count one-to-one matches of
    the same label at IoU >= 0.5 (`infer.matching`), objects in crowd regions left out; mean_iou is the mean
    IoU of these matched pairs. readable, truncated: share of the images; duplicates, unknown_labels: share
    of the detections. A label that is no category of the data set is a false positive; what was
    asked for by an expression is right under that expression.
    """

    AP: float | None
    AP50: float | None
    AP75: float | None
    AP_small: float | None
    AP_medium: float | None
    AP_large: float | None
    AR: float | None
    precision_50: float
    recall_50: float
    f1_50: float
    mean_iou: float
    readable: float
    truncated: float
    duplicates: float
    unknown_labels: float
    images: int
    images_in_data_set: int
    objects: int
    detections: int


def score_predictions(predictions_path: Path, dataset: Path | None = None) -> Scores:
    """Score a predictions file against a data set's annotations_val.json.

    Without `dataset` the infer.yaml beside the predictions tells it.

    Raises:
        UserError: no such file, images without a prediction that no `limit` explains, or unknown images.
    """
    dataset, is_limited = _data_set_of(predictions_path, dataset)
    card = load_card(dataset)
    annotations = read_annotations(dataset / ANNOTATIONS_FILE)
    predictions = read_predictions(predictions_path)
    images_in_data_set = len(annotations["images"])
    keep_predicted(
        annotations,
        {prediction.image_id for prediction in predictions},
        predictions_path,
        is_limited=is_limited,
    )
    objects, crowds = objects_by_image(annotations, card)
    expressions = asked_expressions(annotations, card)

    def match(prediction: Prediction) -> Matches:
        wanted, regions = (group.get(prediction.image_id, ()) for group in (objects, crowds))
        return match_detections(prediction.detections, wanted, regions, iou_threshold=IOU_THRESHOLD)

    matches = [match(prediction) for prediction in predictions]
    ious = [value for matched in matches for value in matched.ious]
    false_positives = sum(matched.false_positives for matched in matches)
    false_negatives = sum(matched.false_negatives for matched in matches)
    names = {category.name: category.id for category in card.categories}
    found = [
        (detection.label, expressions.get(prediction.image_id))
        for prediction in predictions
        for detection in prediction.detections
    ]
    return Scores(
        **coco_statistics(annotations, _with_categories(predictions, annotations, expressions, card), names),
        precision_50=_share(len(ious), len(ious) + false_positives),
        recall_50=_share(len(ious), len(ious) + false_negatives),
        f1_50=_share(2 * len(ious), 2 * len(ious) + false_positives + false_negatives),
        mean_iou=_share(sum(ious), len(ious)),
        readable=_share(sum(prediction.is_readable for prediction in predictions), len(predictions)),
        truncated=_share(
            sum(TRUNCATED in prediction.problems for prediction in predictions), len(predictions)
        ),
        duplicates=_share(
            sum(prediction.problems.count(DUPLICATE) for prediction in predictions), len(found)
        ),
        unknown_labels=_share(
            sum(label not in names and label != expression for label, expression in found), len(found)
        ),
        images=len(predictions),
        images_in_data_set=images_in_data_set,
        objects=sum(map(len, objects.values())),
        detections=len(found),
    )


def _with_categories(
    predictions: Sequence[Prediction], annotations: dict[str, Any], expressions: Mapping[int, str], card: Card
) -> list[Prediction]:
    """Give what was found for an expression the category of its truth, which COCO's AP goes by.

    Where nothing matches the expression it gets the first category: a false positive of any is one.
    """
    names = {category.id: category.name for category in card.categories}
    true_names = {item["image_id"]: names[item["category_id"]] for item in annotations["annotations"]}

    def translate(prediction: Prediction) -> Prediction:
        expression = expressions.get(prediction.image_id)
        name = true_names.get(prediction.image_id, card.categories[0].name)
        translated = (
            replace(item, label=name) if item.label == expression else item for item in prediction.detections
        )
        return replace(prediction, detections=tuple(translated))

    return [translate(prediction) for prediction in predictions]


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


def _share(part: float, whole: int) -> float:
    return part / whole if whole else 0.0
