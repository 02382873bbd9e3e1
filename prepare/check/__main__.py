"""`python -m prepare.check DATASET`: would a training run take every record of a data set as it is?

DATASET is the folder of a prepared data set, or any JSONL of the `messages` type (a file, or a folder with
train.jsonl or val.jsonl). The exit code is 2 if a run would drop, skip or garble a record, or if an image of
val is also in train.
"""

import argparse
import sys
from collections.abc import Sequence

from grounding.errors import USER_ERROR_EXIT_CODE, print_result, run_command
from prepare.locate import add_place, find_place

EXAMPLES = """\
  python -m prepare.check data/coco
  python -m prepare.check recipes/prepare/coco.yaml output_dir=data/coco_seed7
  python -m prepare.check somebody/annotations.jsonl"""


def main(argv: Sequence[str] | None = None) -> int:
    """Check a data set, print what is wrong with it, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.check",
        description="Check that training takes every record as it is, and that train and val share no image.",
        epilog=f"examples:\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_place(parser)
    parser.add_argument(
        "--limit", type=int, default=5, help="print this many findings of each kind (%(default)s)"
    )
    arguments = parser.parse_args(argv)
    from prepare.check.dataset import check_dataset

    report = check_dataset(find_place(arguments.dataset, arguments.overrides), arguments.limit)
    print_result(str(report))
    return USER_ERROR_EXIT_CODE if report.errors else 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
