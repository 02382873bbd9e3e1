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

Predictions of other tools, as JSON lines or as a JSON list:
  {"image_id": 139, "detections": [{"label": "chair", "box": [x1, y1, x2, y2], "score": 0.9}]}
      boxes in pixels of the original image; `score` is optional
  {"image_id": 139, "category_id": 62, "bbox": [x, y, width, height], "score": 0.9}
      COCO's results: a row for each box
  {"image": "000139.jpg", "response": "<text of the answer>"}
      the text is read as that of a model trained here, or in the units of --answer-units; known are
      ms-swift, LLaMA-Factory, vLLM, OpenAI's batches, and the keys raw, prediction, output, text, answer
  {"images": ["000139.jpg", "000285.jpg"], "response": "Image 1: ...\\nImage 2: ..."}
      about a question with several pictures: all of them, in its order
A line in the report says how such a file was read.

examples:
  python -m infer.score checkpoints/demo/eval_after
  python -m infer.score checkpoints/demo/eval_after --by kind --by category
  python -m infer.score coco_results.json --dataset data/coco
  python -m infer.score swift.jsonl --dataset data/coco --answer-units pixels"""

TABLES = ("kind", "category")
BOX_NOTATIONS = ("xyxy", "xywh")
UNITS = ("grid", "pixels", "fractions", "pixels_resized")
"""As in infer.scoring.other_tools.habits and infer.recipe, which --help does not load."""


def main(argv: Sequence[str] | None = None) -> int:
    """Score, write the results beside the predictions, and print the report."""
    arguments = _parser().parse_args(argv)
    if arguments.max_detections is not None and arguments.max_detections < 1:
        raise UserError(
            f"--max-detections {arguments.max_detections}: give a number of detections, 1 or more"
        )
    if arguments.draws < 0:
        raise UserError(f"--draws {arguments.draws}: give a number of draws, 0 or more")
    from infer.scoring.other_tools.habits import PredictionHabits
    from infer.scoring.outputs import write_scores

    predictions = find_predictions_file(arguments.predictions)
    habits = PredictionHabits(arguments.boxes, arguments.answer_units, arguments.checkpoint)
    report = write_scores(
        predictions,
        arguments.dataset,
        arguments.draws,
        arguments.curves,
        arguments.max_detections,
        habits,
        arguments.by,
    )
    print_result(report.rstrip("\n"))
    return 0


def _parser() -> argparse.ArgumentParser:
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
    parser.add_argument(
        "--by", choices=TABLES, action="append", default=[],
        help="kind: scores by objects an image, size, shape and frequency; category: all, with intervals",
    )  # fmt: skip
    parser.add_argument(
        "--boxes", choices=BOX_NOTATIONS,
        help="what the four numbers of a box are (default: `box` is xyxy, COCO's `bbox` is xywh)",
    )  # fmt: skip
    parser.add_argument(
        "--answer-units", choices=UNITS,
        help="of the coordinates in texts of answers (default: answer_units of infer.yaml, else grid)",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", metavar="DIR", type=Path,
        help="for --answer-units pixels_resized: the model's folder, with its image processor",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
