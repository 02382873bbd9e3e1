"""`python -m infer.score PREDICTIONS`: COCO AP, F1 and the quality of the answers, in original pixels."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from grounding.errors import run_command
from grounding.files import write_json
from infer.recipe import PREDICTIONS_FILE, SCORES_FILE


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
    from infer.scores import score_predictions
    from infer.table import format_table, show_value

    path = arguments.predictions
    path = path / PREDICTIONS_FILE if path.is_dir() else path
    scores = score_predictions(path, arguments.dataset)
    write_json(path.parent / SCORES_FILE, asdict(scores))
    rows = [(name, show_value(name, value)) for name, value in asdict(scores).items()]
    note = "" if scores.images == scores.images_in_data_set else " (limit)"
    sys.stdout.write(format_table(("metric", "value"), rows) + "\n")
    sys.stdout.write(
        f"{scores.images} of {scores.images_in_data_set} images scored{note}: {path.parent / SCORES_FILE}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
