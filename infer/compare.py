"""`python -m infer.compare [NAME=]DIR [NAME=]DIR ...`: scores side by side, and what changed."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError, print_result, run_command
from grounding.files import write_json, write_text

EPILOG = """The change goes from the first run to the last, on the images that both have answered. Its
interval comes from a paired bootstrap: each draw takes the same images for both runs. If the
interval does not contain 0, the change is more than chance. To see the images:
python -m visualize compare [NAME=]DIR [NAME=]DIR

example:
  python -m infer.compare before=checkpoints/demo/eval_before after=checkpoints/demo/eval_after"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the metrics of the runs and the images that changed; with --output also save them."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.compare",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", metavar="[NAME=]DIR", nargs="+", help="a folder with scores.json")
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

    comparison = compare_runs(named_runs(arguments.runs), arguments.dataset)
    print_result(terminal_text(comparison).rstrip("\n"))
    if output is not None:
        write_json(output, comparison.as_json())
        write_text(output.with_suffix(".md"), markdown_text(comparison))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
