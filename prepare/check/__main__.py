"""`python -m prepare.check DATASET`: would a training run take every record of a data set as it is?

Takes a prepared data set's folder, or anybody's JSONL of the `messages` type (a file, or a folder with
train.jsonl or val.jsonl). Exits with 2 where a run would drop, skip or garble anything, or where an image
of val is in train.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import USER_ERROR_EXIT_CODE, run_command
from prepare.check.findings import Report
from prepare.locate import add_place, find_jsonl, find_place

EXAMPLES = """\
  python -m prepare.check data/coco
  python -m prepare.check recipes/prepare/coco.yaml output_dir=data/coco_seed7
  python -m prepare.check somebody/annotations.jsonl"""


def check_dataset(place: Path, limit: int = 5) -> Report:
    """Check a data set's folder or a JSONL file; of each kind of finding the first `limit` are kept.

    Raises:
        UserError: no such folder or file, or no JSONL in it.
    """
    from prepare.check.dataset import WARNINGS, check_files

    report = Report(limit, WARNINGS)
    check_files(find_jsonl(place), report)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Check a data set, print what is wrong with it, and tell by the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.check",
        description="Check that training takes every record as it is, and that no image of val is in train.",
        epilog=f"examples:\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_place(parser)
    parser.add_argument("--limit", type=int, default=5, help="findings of each kind to print (%(default)s)")
    arguments = parser.parse_args(argv)
    report = check_dataset(find_place(arguments.dataset, arguments.overrides), arguments.limit)
    sys.stdout.write(f"{report}\n")
    return USER_ERROR_EXIT_CODE if report.errors else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
