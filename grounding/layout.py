"""The file names of a prepared data set and of a run: each is written here once."""

from pathlib import Path

from grounding.errors import UserError

IMAGES_FOLDER = "images"
ANNOTATIONS_FILE = "annotations_val.json"
"""COCO ground truth of the validation images, boxes in original pixels."""

JSONL_FILES = {"train": "train.jsonl", "val": "val.jsonl"}
"""The records of each split."""

TRAIN_RECIPE_FILE = "train.yaml"
"""The resolved recipe that a training leaves in its output folder."""

INFER_RECIPE_FILE = "infer.yaml"
"""The resolved recipe that inference leaves in its output folder."""

PREDICTIONS_FILE = "predictions.jsonl"
SCORES_FILE = "scores.json"
REPORT_FILE, RESULTS_FILE = "scores.md", "coco_results.json"
"""All scores as tables, and the boxes in COCO's results format."""

SCORED_FILES = (SCORES_FILE, REPORT_FILE, RESULTS_FILE)
"""What is computed from predictions, and goes with them."""

BOXES_FOLDER = "boxes"
"""In a training run's folder: what the model answered at each evaluation step."""


def dataset_of_predictions(predictions: Path) -> Path:
    """Return the data set that the infer.yaml beside a predictions file (or in its folder) names.

    Raises:
        UserError: there is no infer.yaml, or it names no data set.
    """
    from grounding.recipe import read_yaml

    folder = predictions if predictions.is_dir() else predictions.parent
    path = folder / INFER_RECIPE_FILE
    if not path.is_file() or not (named := read_yaml(path).get("dataset")):
        raise UserError(f"{folder}: no {INFER_RECIPE_FILE} that names the data set: add --dataset DIR")
    return Path(str(named))


def dataset_of_checkpoint(checkpoint: Path) -> Path | None:
    """Return the data set that a checkpoint was trained on, None where no train.yaml names one.

    train.yaml lies in the checkpoint's folder, or in the folder above an exported model.
    """
    from grounding.recipe import read_yaml

    for folder in (checkpoint, checkpoint.parent):
        if (folder / TRAIN_RECIPE_FILE).is_file():
            named = str(read_yaml(folder / TRAIN_RECIPE_FILE).get("train_dataset_path") or "")
            return Path(named.split(",")[0].strip()).parent if named else None
    return None
