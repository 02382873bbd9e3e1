"""`python -m infer.compare NAME=DIR NAME=DIR ...`: scores side by side."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError, run_command
from grounding.files import read_json, write_json
from infer.recipe import SCORES_FILE


def read_scores(runs: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read DIR/scores.json of every `NAME=DIR`, in their order.

    Raises:
        UserError: a word that is not NAME=DIR, a name given twice, or no scores there.
    """
    scores: dict[str, dict[str, Any]] = {}
    for run in runs:
        name, equals, folder = run.partition("=")
        if not (name and equals and folder):
            raise UserError(
                f"'{run}' is not NAME=DIR: write for instance before=checkpoints/demo/eval_before"
            )
        if name in scores:
            raise UserError(f"'{run}': the name '{name}' is given twice")
        path = Path(folder) / SCORES_FILE
        if not path.is_file():
            raise UserError(f"{path}: no such file: run `python -m infer.score {folder}` first")
        content = read_json(path)
        if not isinstance(content, dict) or "AP" not in content:
            raise UserError(f"{path}: not scores: run `python -m infer.score {folder}` again")
        scores[name] = content
    return scores


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, a row a metric and a column a run; with --output save all scores as one JSON file."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.compare",
        description=__doc__,
        epilog="example: python -m infer.compare before=checkpoints/demo/eval_before "
        "after=checkpoints/demo/eval_after",
    )
    parser.add_argument("runs", metavar="NAME=DIR", nargs="+", help="a name, and a folder with scores.json")
    parser.add_argument("--output", type=Path, help="JSON file for {NAME: scores, ...}")
    arguments = parser.parse_args(argv)
    from infer.table import format_table, show_value

    scores = read_scores(arguments.runs)
    metrics = dict.fromkeys(metric for run in scores.values() for metric in run)
    rows = [[metric, *(show_value(metric, run.get(metric)) for run in scores.values())] for metric in metrics]
    sys.stdout.write(format_table(["metric", *scores], rows) + "\n")
    if arguments.output is not None:
        write_json(arguments.output, scores)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
