"""The command line: `python -m visualize [draw | page | compare | hard | spotlight] ...`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError, print_result, run_command
from visualize import commands

EXAMPLES = """examples:
  python -m visualize checkpoints/demo/eval_after
  python -m visualize before=outputs/base after=outputs/tuned --sheet --limit 6
  python -m visualize recipes/infer/coco.yaml --style matched --images worst
  python -m visualize --jsonl data/coco/train.jsonl --limit 12 --sheet
  python -m visualize page before=outputs/base after=outputs/tuned
  python -m visualize compare before=outputs/base after=outputs/tuned
  python -m visualize hard checkpoints/demo/full/hard
  python -m visualize spotlight photo.jpg --box 20 40 110 120 --output cup.png"""

DEFAULT_COMMAND = "draw"
RUN_HELP = "a folder with predictions.jsonl, or the infer recipe that wrote it"
WITH_EXAMPLES: dict[str, Any] = {
    "epilog": EXAMPLES,
    "formatter_class": argparse.RawDescriptionHelpFormatter,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, or draw, and print the path of each written file."""
    parser = argparse.ArgumentParser(
        prog="python -m visualize",
        description="Look at a data set and at a model's predictions. Without a command: draw.",
        **WITH_EXAMPLES,
    )
    subparsers = parser.add_subparsers(dest="command", required=True)
    for add in (_add_draw, _add_page, _add_compare, _add_hard, _add_spotlight):
        add(subparsers)
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in (*subparsers.choices, "-h", "--help"):
        words = [DEFAULT_COMMAND, *words]

    def command() -> None:
        arguments = parser.parse_args(words)
        for line in arguments.run(arguments):
            print_result(line)

    return run_command(command, resumes=False)


def _add_draw(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "draw", help="truth and predictions side by side, one PNG per image or all on one sheet",
        **WITH_EXAMPLES,
    )  # fmt: skip
    parser.set_defaults(run=commands.run_draw)
    parser.add_argument("runs", metavar="[NAME=]OUTPUT_DIR", nargs="*", help=RUN_HELP)
    _add_dataset(parser)
    parser.add_argument("--jsonl", metavar="FILE", type=Path, help="draw the records of a prepared data set")
    parser.add_argument(
        "--limit", metavar="N", type=_count, default=8,
        help="largest number of images, and of questions for words (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--images", choices=("first", "worst", "best"), default="first",
        help="the first images of the data set, or those that the last run matches worst or best",
    )  # fmt: skip
    parser.add_argument(
        "--style", choices=("boxes", "matched"), default="boxes",
        help="boxes: coloured by label; matched: coloured by true positive, wrong label, false positive, "
        "missed (IoU 0.5)",
    )  # fmt: skip
    parser.add_argument(
        "--no-candidates", action="store_true",
        help="leave out the numbered boxes of a detector that questions list",
    )  # fmt: skip
    parser.add_argument("--sheet", action="store_true", help="all images on one PNG")
    parser.add_argument(
        "--title", metavar="TEXT", default="", help="the first line of the sheet, for instance the scores"
    )
    parser.add_argument(
        "--output", metavar="PATH", type=Path,
        help="a folder, or with --sheet a .png (default: pictures/ beside the last run or the JSONL)",
    )  # fmt: skip


def _add_page(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "page", help="a folder to open in a browser: scores, all images, filters, runs side by side",
        **WITH_EXAMPLES,
    )  # fmt: skip
    parser.set_defaults(run=commands.run_page)
    parser.add_argument("runs", metavar="[NAME=]OUTPUT_DIR", nargs="+", help=RUN_HELP)
    _add_dataset(parser)
    parser.add_argument(
        "--limit", metavar="N", type=_count,
        help="largest number of images, and of questions for words (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--output", metavar="DIR", type=Path, help="a new folder (default: page/ beside the last run)"
    )


def _add_compare(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "compare", help="the same page for the images that changed most from the first run to the last",
        **WITH_EXAMPLES,
    )  # fmt: skip
    parser.set_defaults(run=commands.run_compare)
    parser.add_argument("runs", metavar="[NAME=]OUTPUT_DIR", nargs="+", help=RUN_HELP)
    _add_dataset(parser)
    parser.add_argument(
        "--limit", metavar="N", type=_count, default=24,
        help="largest number of images (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--output", metavar="DIR", type=Path, help="a new folder (default: changes/ beside the last run)"
    )


def _add_hard(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "hard", help="the same page for the training images that a model got wrong (`python -m infer.mine`)",
        **WITH_EXAMPLES,
    )  # fmt: skip
    parser.set_defaults(run=commands.run_hard)
    parser.add_argument("mined", metavar="MINED_DIR", type=Path, help="a folder that infer.mine has written")
    parser.add_argument(
        "--limit", metavar="N", type=_count, default=48,
        help="largest number of questions (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--output", metavar="DIR", type=Path, help="a new folder (default: page/ in the mined data set)"
    )


def _add_spotlight(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "spotlight", help="one object of one image, with everything around it dimmed", **WITH_EXAMPLES
    )
    parser.set_defaults(run=commands.run_spotlight)
    parser.add_argument("image", metavar="IMAGE", type=Path)
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--box", metavar=("X1", "Y1", "X2", "Y2"), type=float, nargs=4, help="the object, in pixels"
    )
    target.add_argument(
        "--mask", metavar="FILE", type=Path, help="a picture of the image's size; 0 is background"
    )
    parser.add_argument("--output", metavar="FILE", type=Path, required=True, help="a .png")


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset", metavar="DIR", type=Path, help="prepared data set (default: the data set of the run)"
    )


def _count(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise UserError(f"--limit {word}: give a number of images, at least 1")
    return int(word)


if __name__ == "__main__":
    sys.exit(main())
