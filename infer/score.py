"""`python -m infer.score PREDICTIONS`: score predicted boxes against the data set's annotations."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError, print_result, run_command
from grounding.layout import find_predictions_file

EPILOG = """Writes beside the predictions: scores.json; scores.md, with every category; and
coco_results.json, the boxes in COCO's results format (pycocotools: loadRes). If infer.yaml names
a training run as checkpoint, the scores also become curves in the run's visualdl_scores/ (make curves).

Predictions of other tools: write a file with a line for each image of the data set, such as
  {"image_id": 139, "detections": [{"label": "chair", "box": [x1, y1, x2, y2], "score": 0.9}]}
with boxes in pixels of the original image; `score` is optional.

examples:
  python -m infer.score checkpoints/demo/eval_after
  python -m infer.score mine.jsonl --dataset data/coco"""


def main(argv: Sequence[str] | None = None) -> int:
    """Score, write the results beside the predictions, and print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.score",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("predictions", type=Path, help="predictions.jsonl, or its folder")
    parser.add_argument("--dataset", type=Path, help="prepared data set (default: the one in infer.yaml)")
    parser.add_argument("--curves", metavar="DIR", type=Path, help="folder for the VisualDL curves")
    parser.add_argument(
        "--draws", metavar="N", type=int, default=1000,
        help="bootstrap draws of the images for the intervals; 0: no intervals (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--max-detections", metavar="N", type=int,
        help="detections of a category that count in an image (default: that of infer.yaml, else COCO's 100)",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    if arguments.max_detections is not None and arguments.max_detections < 1:
        raise UserError(
            f"--max-detections {arguments.max_detections}: give a number of detections, 1 or more"
        )
    if arguments.draws < 0:
        raise UserError(f"--draws {arguments.draws}: give a number of draws, 0 or more")
    from infer.scoring.outputs import write_scores

    predictions = find_predictions_file(arguments.predictions)
    report = write_scores(
        predictions, arguments.dataset, arguments.draws, arguments.curves, arguments.max_detections
    )
    print_result(report.rstrip("\n"))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
