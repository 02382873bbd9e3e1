"""`python -m infer.compare [NAME=]DIR [NAME=]DIR ...`: scores side by side, and what changed."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.errors import UserError, print_result, run_command
from grounding.files import write_json, write_text
from grounding.layout import SCORES_FILE

if TYPE_CHECKING:
    from infer.suite.gained_and_lost import GainedAndLost

EPILOG = """The folders of one suite, run on a base and on the model that was tuned from it, are compared set
by set: what was gained on new sets and lost on old ones, and KL(tuned || base) if the tuned run has
measured it (grounding_keep). New are the sets of --new, or those that the model was trained on. A
training run's own folder compares its start with its last evaluation.

The change goes from the first run to the last, on the images that both have answered. Its
interval comes from a paired bootstrap: each draw takes the same images for both runs. If the
interval does not contain 0, the change is more than chance. To see the images:
python -m visualize compare [NAME=]DIR [NAME=]DIR

examples:
  python -m infer.compare before=checkpoints/demo/eval_before after=checkpoints/demo/eval_after
  python -m infer.compare base=models/base/suites/coco tuned=checkpoints/mine/suites/coco --new mine
  python -m infer.compare checkpoints/mine"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the metrics of the runs and the images that changed; with --output also save them."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.compare",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs", metavar="[NAME=]DIR", nargs="+",
        help="a folder with scores.json or suite.json, or a training run with grounding_keep",
    )  # fmt: skip
    parser.add_argument(
        "--new", metavar="SET", action="append", default=[], help="a suite's set that is new; can be repeated"
    )
    parser.add_argument("--dataset", type=Path, help="prepared data set (default: the one in infer.yaml)")
    parser.add_argument(
        "--output", type=Path,
        help="a .json file for {NAME: scores, ..., comparison: ...}; a .md is written beside it",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    output: Path | None = arguments.output
    if output is not None and output.suffix != ".json":
        raise UserError(f"--output {output}: give a name that ends in .json")
    from infer.scoring.comparison import compare_runs, markdown_text, named_runs, terminal_text

    runs = named_runs(arguments.runs)
    if (gained := _gained_and_lost(runs, arguments.new)) is not None:
        _show(output, gained.as_text(), gained.as_json(), gained.as_markdown())
        return 0
    if arguments.new:
        raise UserError("--new names a set of a suite: give two folders with suite.json")
    comparison = compare_runs(runs, arguments.dataset)
    _show(output, terminal_text(comparison), comparison.as_json(), markdown_text(comparison))
    return 0


def _gained_and_lost(runs: Mapping[str, Path], new: Sequence[str]) -> "GainedAndLost | None":
    """Return the table of suites, or of one training run; None where the folders are neither.

    Raises:
        UserError: a suite and something else, or files that cannot be read.
    """
    from infer.suite.gained_and_lost import compare_run, compare_suites, is_suite

    suites = [is_suite(folder) for folder in runs.values()]
    if any(suites):
        if not all(suites) or len(runs) != len(("base", "tuned")):
            raise UserError("suites are compared in pairs: give the folder of the base's and of the tuned's")
        return compare_suites(runs, new)
    [*folders] = runs.values()
    is_run = len(folders) == 1 and not (folders[0] / SCORES_FILE).is_file()
    return compare_run(folders[0]) if is_run else None


def _show(output: Path | None, text: str, content: object, markdown: str) -> None:
    print_result(text.rstrip("\n"))
    if output is not None:
        write_json(output, content)
        write_text(output.with_suffix(".md"), markdown)


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
