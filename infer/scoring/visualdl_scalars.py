"""Scores as VisualDL curves in the folder of the training run that they belong to."""

import os
import tempfile
from pathlib import Path

from grounding.errors import UserError
from grounding.files import read_json, replacing
from grounding.layout import CURVES_FOLDER, SCORE_CURVES_FOLDER, TRAINER_STATE_FILE
from infer.recipe import saved_recipe
from infer.scoring.scorecard import Scores

CURVES_FILE = "vdlrecords.scores.log"


def find_curves(predictions: Path) -> Path | None:
    """Return the folder for the curves of a predictions file, None where no training run is known.

    The checkpoint that infer.yaml names is a training run if it holds the curves of its training. Each
    predictions folder gets a folder of its own there, so that `visualdl --logdir` shows it as its own curve.
    """
    recipe = saved_recipe(predictions.parent)
    if recipe is None or not recipe.checkpoint:
        return None
    run = Path(recipe.checkpoint)
    if not (run / CURVES_FOLDER).is_dir() or not os.access(run, os.W_OK):
        return None
    return run / SCORE_CURVES_FOLDER / predictions.parent.resolve().name


def write_curves(scores: Scores, folder: Path, step: int, seconds: int) -> Path:
    """Write a point for each metric and for the ends of its interval, and return the file.

    `step` is the training step of the points, `seconds` their time since 1970. An older file is replaced.

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
    """Return the last training step of the run that a folder of curves lies in; 0 without trainer_state.json.

    Raises:
        UserError: a trainer_state.json without a global_step.
    """
    path = folder.parent.parent / TRAINER_STATE_FILE
    if not path.is_file():
        return 0
    state = read_json(path)
    if not isinstance(state, dict) or not isinstance(state.get("global_step"), int):
        raise UserError(f"{path}: no global_step in it: remove it, or copy the run again")
    return int(state["global_step"])
