"""`python -m prepare.cache DATASET RECIPE [key=value ...]`: encode a data set once, for every start of a run.

Only train knows how a training encodes records, and prepare does not import it: this starts
`python -m train.cache` as a process.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import run_command

DESCRIPTION = """Encode a prepared data set once, as a train recipe encodes it.

Token ids, labels, positions and resized pixels are stored in a folder: that of the recipe's key
grounding_cache, or cache/ in the data set. A training whose recipe names it reads them from there. This is
`python -m train.cache RECIPE dataset=DATASET [key=value ...]`, whose --help says more."""

EPILOG = """example:
  python -m prepare.cache data/demo recipes/train/tiny_full.yaml max_pixels=65536 processes=2"""


def main(argv: Sequence[str] | None = None) -> int:
    """Start the command of train, and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.cache",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dataset", type=Path, help="a prepared data set, or a file of records (train.jsonl)")
    parser.add_argument("recipe", type=Path, help="the train recipe that will train on it")
    parser.add_argument("words", nargs="*", metavar="key=value", help="overrides of the recipe; processes=N")
    given = parser.parse_args(argv)
    words = [str(given.recipe), f"dataset={given.dataset}", *given.words]
    process = subprocess.Popen([sys.executable, "-m", "train.cache", *words])
    try:
        return process.wait()
    except KeyboardInterrupt:  # the process hears Ctrl-C, too, and says how to resume
        return process.wait()


if __name__ == "__main__":
    sys.exit(run_command(main))
