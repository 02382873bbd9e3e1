"""The file names of a prepared data set and of a run, and the data set that a run belongs to."""

from pathlib import Path

from grounding.errors import UserError

IMAGES_FOLDER = "images"
ANNOTATIONS_FILE = "annotations_val.json"
"""COCO annotations of the validation images, boxes in original pixels."""

CALIBRATION_SPLIT = "calibration"
"""Images of the training split that no model was trained on: scores of boxes are fitted to them."""

JSONL_FILES = {"train": "train.jsonl", "val": "val.jsonl"}
"""The records of the splits that every data set has."""

ALL_JSONL_FILES = {**JSONL_FILES, CALIBRATION_SPLIT: "calibration.jsonl"}
"""The records of the splits that a data set can have."""

ANNOTATIONS_FILES = {"val": ANNOTATIONS_FILE, CALIBRATION_SPLIT: "annotations_calibration.json"}
"""COCO annotations of the splits that have some."""

CHOSEN_KEY, REJECTED_KEY = "chosen_response", "rejected_response"
"""The keys of a pair's row: a list of one message each, as PaddleFormers' stage VL-DPO reads it."""

TOKEN_LENGTHS_FILE = "token_lengths.json"
"""How many tokens each record has in training, kept beside the records for the next start of a run."""

SCORED_SPLIT = "val"
"""The split that has annotations to score and to draw."""

CALIBRATION_FILE = "calibration.json"
"""Beside a checkpoint: how its scores are made of what its tokens tell."""

BOX_HEAD_FOLDER, BOX_HEAD_FILE = "box_head", "box_head.safetensors"
"""Beside a checkpoint: a folder with the head that corrects its boxes."""

TRAIN_RECIPE_FILE = "train.yaml"
"""The resolved recipe that a training leaves in its output folder."""

TRAINER_STATE_FILE = "trainer_state.json"
CURVES_FOLDER = "visualdl"
SCORE_CURVES_FOLDER = "visualdl_scores"
"""In a training run's folder: PaddleFormers' state, the training's curves, and the curves of the scores."""

EXPORT_FOLDER = "export"
"""In a training run's folder: the folder that other tools load."""

INFER_RECIPE_FILE = "infer.yaml"
"""The resolved recipe that inference leaves in its output folder."""

PREDICTIONS_FILE = "predictions.jsonl"
SCORES_FILE = "scores.json"
SCORES_REPORT_FILE = "scores.md"
COCO_RESULTS_FILE = "coco_results.json"
"""The detections in COCO's results format."""

CYCLE_FILE = "cycle.jsonl"
"""Beside predictions: the boxes that a model found for the descriptions in them."""

SCORED_FILES = (SCORES_FILE, SCORES_REPORT_FILE, COCO_RESULTS_FILE, CYCLE_FILE)
"""What is computed from predictions, and removed with them."""

BOXES_FOLDER = "boxes"
"""In a training run's folder: what the model answered at each evaluation step."""

KEEP_FOLDER = "keep"
"""In a training run's folder: what the model has kept of old skills, and what its base answered."""

BEST_FOLDER = "best"
"""In a training run's folder: the trained weights of the evaluation with the best boxes."""

BEST_FILE = "best.json"
"""In BEST_FOLDER: the step of these weights and their F1, written last."""


def find_predictions_file(place: Path) -> Path:
    """Return the predictions file that `place` is, or that the folder `place` holds."""
    return place / PREDICTIONS_FILE if place.is_dir() else place


def dataset_of_predictions(predictions: Path, given: Path | None = None) -> Path:
    """Return the data set that predictions are scored against: `given`, or the one that infer.yaml names.

    Raises:
        UserError: neither is there, or the predictions are answers about a split without annotations.
    """
    named = _read_infer_recipe(predictions)
    split = named.get("split", SCORED_SPLIT)
    if split != SCORED_SPLIT:
        raise UserError(
            f"{predictions}: made of the {split} split: only {SCORED_SPLIT} has annotations to score by"
        )
    dataset = given or named_dataset(predictions)
    if dataset is None:
        folder = predictions if predictions.is_dir() else predictions.parent
        raise UserError(f"{folder}: no {INFER_RECIPE_FILE} that names the data set: add --dataset DIR")
    return dataset


def named_dataset(predictions: Path) -> Path | None:
    """Return the data set that the infer.yaml beside predictions (a file or its folder) names, or None."""
    named = _read_infer_recipe(predictions).get("dataset")
    return Path(named) if named else None


def dataset_of_checkpoint(checkpoint: Path) -> Path | None:
    """Return the data set that a checkpoint was trained on, None where no train.yaml names one.

    train.yaml lies in the checkpoint's folder, or in the folder above an exported model.
    """
    for folder in (checkpoint, checkpoint.parent):
        if (folder / TRAIN_RECIPE_FILE).is_file():
            named = _read_texts(folder / TRAIN_RECIPE_FILE).get("train_dataset_path", "")
            return Path(named.split(",")[0].strip()).parent if named else None
    return None


def _read_infer_recipe(predictions: Path) -> dict[str, str]:
    """Return the keys of infer.yaml that say what the predictions are about; empty without infer.yaml."""
    path = (predictions if predictions.is_dir() else predictions.parent) / INFER_RECIPE_FILE
    return _read_texts(path) if path.is_file() else {}


def _read_texts(path: Path) -> dict[str, str]:
    """Return the texts of a recipe by key; `${}` stays as it is, as the run may be a stranger's."""
    from omegaconf import OmegaConf

    from grounding.recipe.loading import read_yaml

    content = dict(OmegaConf.to_container(read_yaml(path)))
    return {str(key): str(value) for key, value in content.items() if value and isinstance(value, (str, int))}
