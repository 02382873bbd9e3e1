"""`python -m infer.score PREDICTIONS`: COCO AP, F1 and the quality of the answers, in original pixels."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from grounding.errors import run_command
from grounding.files import write_json
from grounding.run_record import add_scores
from infer.recipe import PREDICTIONS_FILE, SCORES_FILE, saved_recipe


def main(argv: Sequence[str] | None = None) -> int:
    """Score, save scores.json beside the predictions, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.score",
        description=__doc__,
        epilog="example: python -m infer.score checkpoints/demo/eval_after",
    )
    parser.add_argument("predictions", type=Path, help="predictions.jsonl, or the folder that holds it")
    parser.add_argument("--dataset", type=Path, help="prepared data set (default: what infer.yaml names)")
    arguments = parser.parse_args(argv)
    path = arguments.predictions
    sys.stdout.write(report(path / PREDICTIONS_FILE if path.is_dir() else path, arguments.dataset))
    return 0


def report(predictions: Path, dataset: Path | None = None) -> str:
    """Score a predictions file, save scores.json beside it, and return the table as text.

    Raises:
        UserError: what `infer.scores.score_predictions` refuses.
    """
    from infer.scores import score_predictions
    from infer.table import format_table, show_value

    scores = score_predictions(predictions, dataset)
    saved = predictions.parent / SCORES_FILE
    write_json(saved, asdict(scores))
    note_beside_checkpoint(predictions.parent, dataset, asdict(scores))
    rows = [(name, show_value(name, value)) for name, value in asdict(scores).items()]
    table = format_table(("metric", "value"), rows)
    note = "" if scores.images == scores.images_in_data_set else " (limit)"
    return f"{table}\n{scores.images} of {scores.images_in_data_set} images scored{note}: {saved}\n"


def note_beside_checkpoint(folder: Path, dataset: Path | None, scores: dict[str, Any]) -> None:
    """Note the single numbers in the run.json of the checkpoint that answered."""
    if recipe := saved_recipe(folder):
        about = {"dataset": str(dataset or recipe.dataset), "split": recipe.split, "limit": recipe.limit}
        numbers = {name: value for name, value in scores.items() if not isinstance(value, dict)}
        add_scores(Path(recipe.checkpoint), folder, {**about, "scores": numbers})


if __name__ == "__main__":
    sys.exit(run_command(main))
