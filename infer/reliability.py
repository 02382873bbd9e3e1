"""`python -m infer.reliability PREDICTIONS`: does a box's score tell how often such boxes are right?"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import print_result, run_command
from grounding.layout import find_predictions_file


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write diagram and numbers, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.reliability",
        description=__doc__,
        epilog="example: python -m infer.reliability checkpoints/demo/eval_after",
    )
    parser.add_argument("predictions", type=Path, help="predictions.jsonl, or its folder")
    parser.add_argument("--dataset", type=Path, help="prepared data set (default: the one in infer.yaml)")
    parser.add_argument(
        "--output", type=Path, help="PNG file (default: reliability.png beside the predictions)"
    )
    arguments = parser.parse_args(argv)
    from infer.scoring.calibration.reliability_files import reliability_text, write_reliability

    predictions = find_predictions_file(arguments.predictions)
    output = arguments.output or predictions.with_name("reliability.png")
    measured = write_reliability(predictions, arguments.dataset, output)
    print_result(f"{reliability_text(measured)}: {output}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
