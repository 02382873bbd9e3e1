"""Scores as VisualDL scalars beside the training run that they belong to."""

import os
import tempfile
from pathlib import Path

from grounding.errors import UserError
from grounding.files import read_json, replacing
from infer.recipe import saved_recipe
from infer.scoring.scorecard import Scores

TRAINING_CURVES = "visualdl"
"""The folder inside a run that holds the curves of its training."""

CURVES_FOLDER = "visualdl_scores"
CURVES_FILE = "vdlrecords.scores.log"
TRAINER_STATE = "trainer_state.json"


def find_curves(predictions: Path) -> Path | None:
    """Return the folder for the scores of a run's predictions, None where no training run is known.

    The checkpoint that infer.yaml names is a training run if it holds the curves of its training. Each folder
    of predictions has a folder of its own there, which `visualdl --logdir` shows as a curve of its own.
    """
    recipe = saved_recipe(predictions.parent)
    if recipe is None or not recipe.checkpoint:
        return None
    run = Path(recipe.checkpoint)
    if not (run / TRAINING_CURVES).is_dir() or not os.access(run, os.W_OK):
        return None
    return run / CURVES_FOLDER / predictions.parent.resolve().name


def write_curves(scores: Scores, folder: Path, step: int, seconds: int) -> Path:
    """Write a point at this training step for each metric, and for the ends of its interval; return the file.

    An older file is replaced. `seconds` since 1970 are the points' time: that of the predictions.

    Raises:
        UserError: the folder cannot be written.
    """
    from visualdl import LogWriter

    points: dict[str, float] = {}
    for key, value in scores.metrics.items():
        if isinstance(value, float):
            points[f"eval/{key}"] = value
            if key in scores.intervals:
                low, high = scores.intervals[key]
                points |= {f"eval_low/{key}": low, f"eval_high/{key}": high}
    with tempfile.TemporaryDirectory() as beside:
        with LogWriter(logdir=beside, file_name=CURVES_FILE) as writer:
            for tag, value in points.items():
                writer.add_scalar(tag, value, step=step, walltime=seconds * 1000)
        content = (Path(beside) / CURVES_FILE).read_bytes()
    with replacing(folder / CURVES_FILE) as file:
        file.write(content)
    return folder / CURVES_FILE


def trained_steps(folder: Path) -> int:
    """Return the last training step of the run that a folder of curves lies in, 0 where nothing tells it.

    Raises:
        UserError: a trainer_state.json that is not one.
    """
    path = folder.parent.parent / TRAINER_STATE
    if not path.is_file():
        return 0
    state = read_json(path)
    if not isinstance(state, dict) or not isinstance(state.get("global_step"), int):
        raise UserError(f"{path}: no global_step in it: remove it, or copy the run again")
    return int(state["global_step"])
