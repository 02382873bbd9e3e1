"""Reads what is scored: the predictions, and the annotations of their data set."""

from pathlib import Path
from typing import Any

from grounding.card import load_card
from grounding.errors import UserError
from grounding.layout import ANNOTATIONS_FILE, dataset_of_predictions
from grounding.predictions.annotations import expressions_by_image, objects_by_image, read_annotations
from grounding.predictions.question_pictures import read_question_pictures
from infer.recipe import saved_recipe
from infer.run_settings import MAX_DETECTIONS
from infer.scoring.evaluation import Evaluation
from infer.scoring.other_tools.habits import USUAL_HABITS, PredictionHabits
from infer.scoring.other_tools.prediction_forms import read_given_predictions
from infer.scoring.words.cycle_answers import add_cycle


def read_evaluation(
    predictions_path: Path,
    dataset: Path | None = None,
    only: frozenset[int] | None = None,
    max_detections: int | None = None,
    habits: PredictionHabits = USUAL_HABITS,
) -> Evaluation:
    """Read a predictions file, of this project or another tool, and the annotations of its images.

    Without `dataset`, the data set is the one that infer.yaml names. `only` keeps the images of these ids.
    Without `max_detections`, it is that of infer.yaml, else COCO's. `habits` say what a file does not.

    Raises:
        UserError: no such file, a prediction for an unknown image, or images without a prediction although
            no `limit` was set.
    """
    if not predictions_path.is_file():
        raise UserError(f"{predictions_path}: no such file: run `python -m infer` first")
    dataset = dataset_of_predictions(predictions_path, dataset)
    recipe = saved_recipe(predictions_path.parent)
    is_limited = only is not None or (recipe is not None and recipe.limit is not None)
    card = load_card(dataset)
    annotations = read_annotations(dataset / ANNOTATIONS_FILE)
    reading = habits.recipe(recipe, dataset, predictions_path.parent)
    asked = read_question_pictures(dataset, annotations)
    given = read_given_predictions(predictions_path, annotations, reading, habits.boxes, asked)
    predictions = given.predictions
    images_in_data_set = len(annotations["images"])
    if only is not None:
        predictions = [item for item in predictions if item.image_id in only]
    if not (predictions or given.descriptions):
        raise UserError(f"{predictions_path}: no prediction to score in it: run `python -m infer` again")
    predicted = {prediction.image_id for prediction in predictions}
    if predictions:
        annotations = _keep_predicted(annotations, predicted, predictions_path, is_limited=is_limited)
    descriptions, notes = add_cycle(given.descriptions, predictions_path.parent)
    return Evaluation(
        card,
        annotations,
        tuple(sorted(predictions, key=lambda item: item.image_id)),
        images_in_data_set,
        *objects_by_image(annotations, card),
        expressions_by_image(annotations, card),
        max_detections or (MAX_DETECTIONS if recipe is None else recipe.max_detections),
        (*given.notes, *notes),
        dataset,
        descriptions,
    )


def _keep_predicted(
    annotations: dict[str, Any], predicted: set[int], predictions_path: Path, *, is_limited: bool
) -> dict[str, Any]:
    """Return the annotations of the predicted images; unless `is_limited`, these must be all images."""
    known = {image["id"] for image in annotations["images"]}
    if unknown := sorted(predicted - known):
        raise UserError(
            f"{predictions_path}: {len(unknown)} images, the first image_id {unknown[0]}, are not in "
            f"{ANNOTATIONS_FILE}: these predictions were made on another data set"
        )
    missing = sorted(known - predicted)
    if missing and not is_limited:
        raise UserError(
            f"{predictions_path}: {len(missing)} of {len(known)} images have no prediction, the first is "
            f"image_id {missing[0]}: run `python -m infer` to the end, or write a row without detections "
            "for an image in which nothing was found"
        )
    return {
        **annotations,
        "images": [image for image in annotations["images"] if image["id"] in predicted],
        "annotations": [item for item in annotations["annotations"] if item["image_id"] in predicted],
    }
