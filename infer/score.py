"""`python -m infer.score PREDICTIONS`: how good are the boxes, against the data set's own annotations?"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from grounding.errors import UserError, run_command
from grounding.files import write_json, write_text
from grounding.layout import PREDICTIONS_FILE, REPORT_FILE, RESULTS_FILE, SCORES_FILE
from grounding.run_record import add_scores
from infer.recipe import saved_recipe

EPILOG = """Beside the predictions it writes scores.json, scores.md with every category, and
coco_results.json, the boxes in COCO's results format (pycocotools: loadRes). Where infer.yaml
names a training run as checkpoint, the scores become curves in its visualdl_scores/ (make curves).

Predictions of any other tool: a file of lines such as
  {"image_id": 139, "detections": [{"label": "chair", "box": [x1, y1, x2, y2], "score": 0.9}]}
with boxes in pixels of the original image, and a line for each image of the data set; score may be left out.

examples:
  python -m infer.score checkpoints/demo/eval_after
  python -m infer.score mine.jsonl --dataset data/coco"""


def main(argv: Sequence[str] | None = None) -> int:
    """Score, save the reports beside the predictions, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.score",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("predictions", type=Path, help="predictions.jsonl, or the folder that holds it")
    parser.add_argument("--dataset", type=Path, help="prepared data set (default: what infer.yaml names)")
    parser.add_argument("--curves", metavar="DIR", type=Path, help="folder for the VisualDL scalars")
    parser.add_argument(
        "--draws", metavar="N", type=int, default=1000,
        help="bootstrap draws of the images for the intervals; 0: none (default: %(default)s)",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    if arguments.draws < 0:
        raise UserError(f"--draws {arguments.draws}: a number of draws, 0 or more")
    path = arguments.predictions
    path = path / PREDICTIONS_FILE if path.is_dir() else path
    sys.stdout.write(report(path, arguments.dataset, arguments.draws, arguments.curves))
    return 0


def report(
    predictions: Path, dataset: Path | None = None, draws: int = 1000, curves: Path | None = None
) -> str:
    """Score a predictions file, save all that is made of it, and return the table as text.

    Raises:
        UserError: what `infer.scoring.scorecard.read_evaluation` refuses.
    """
    from infer.scoring.evaluation import read_evaluation
    from infer.scoring.score_report import markdown_report, terminal_report
    from infer.scoring.scorecard import score
    from infer.scoring.visualdl_scalars import find_curves, trained_steps, write_curves

    evaluation = read_evaluation(predictions, dataset)
    scores = score(evaluation, draws)
    folder = predictions.parent
    write_json(folder / RESULTS_FILE, evaluation.results())
    write_text(folder / REPORT_FILE, markdown_report(scores, f"Scores of {folder.name or predictions.name}"))
    write_json(folder / SCORES_FILE, asdict(scores))
    note_beside_checkpoint(folder, dataset, scores.metrics)
    written = [str(folder / SCORES_FILE), REPORT_FILE, RESULTS_FILE]
    own = find_curves(predictions)
    if (target := curves or own) is not None:
        step = 0 if own is None else trained_steps(own)
        written.append(str(write_curves(scores, target, step, int(predictions.stat().st_mtime))))
    images, in_all = scores.images, scores.images_in_data_set
    note = "" if images == in_all else " (limit)"
    return f"{terminal_report(scores)}\n{images} of {in_all} images scored{note}: {', '.join(written)}\n"


def note_beside_checkpoint(folder: Path, dataset: Path | None, scores: dict[str, float | int]) -> None:
    """Note the single numbers in the run.json of the checkpoint that answered; a server's is out of sight."""
    if (recipe := saved_recipe(folder)) and recipe.checkpoint:
        about = {"dataset": str(dataset or recipe.dataset), "split": recipe.split, "limit": recipe.limit}
        add_scores(Path(recipe.checkpoint), folder, {**about, "scores": scores})


if __name__ == "__main__":
    sys.exit(run_command(main))
