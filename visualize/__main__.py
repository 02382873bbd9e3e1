"""The command line: `python -m visualize NAME=OUTPUT_DIR [NAME=OUTPUT_DIR ...]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError, run_command

EXAMPLE = """examples:
  python -m visualize outputs/coco
  python -m visualize before=outputs/base after=outputs/tuned --sheet --limit 6
  python -m visualize outputs/coco --matched --images worst --output pictures/
  python -m visualize --jsonl data/coco/train.jsonl --limit 12 --sheet"""

DEFAULT_NAME = "prediction"


def main(argv: Sequence[str] | None = None) -> int:
    """Draw what the arguments say and print the path of each picture."""
    arguments = _parse(argv)

    def command() -> None:
        # Imported late: drawing libraries are not needed for --help.
        from visualize.gallery import Options, draw_dataset, draw_runs

        options = Options(
            arguments.limit, arguments.sheet, arguments.matched, arguments.images, arguments.title
        )
        if arguments.limit < 1:
            raise UserError(f"--limit {arguments.limit}: at least 1")
        if arguments.jsonl is not None:
            if arguments.runs or arguments.matched:
                raise UserError("--jsonl draws a data set alone: leave out the OUTPUT_DIR and --matched")
            paths = draw_dataset(arguments.jsonl, arguments.output, options)
        elif arguments.runs:
            runs = _named_folders(arguments.runs)
            paths = draw_runs(runs, arguments.dataset, arguments.output, options)
        else:
            raise UserError("nothing to draw: give an OUTPUT_DIR of `python -m infer`, or --jsonl FILE")
        for path in paths:
            print(path)

    return run_command(command)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m visualize",
        description="Draw truth and predictions side by side, one PNG an image or all on one sheet.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs", metavar="[NAME=]OUTPUT_DIR", nargs="*", help="a folder with predictions.jsonl"
    )
    parser.add_argument(
        "--dataset", metavar="DIR", type=Path, help="prepared data set (default: that of the run)"
    )
    parser.add_argument("--jsonl", metavar="FILE", type=Path, help="draw the records of a prepared data set")
    parser.add_argument(
        "--limit", metavar="N", type=int, default=8, help="images at most (default: %(default)s)"
    )
    parser.add_argument(
        "--images", choices=("first", "worst", "best"), default="first",
        help="the first ones of the data set, or those of the last run with the worst or best match",
    )  # fmt: skip
    parser.add_argument(
        "--matched", action="store_true",
        help="colour predictions by true positive, wrong label, false positive, missed (IoU 0.5)",
    )  # fmt: skip
    parser.add_argument("--sheet", action="store_true", help="all images on one PNG")
    parser.add_argument("--title", metavar="TEXT", default="", help="the sheet's first line, e.g. the scores")
    parser.add_argument(
        "--output", metavar="PATH", type=Path,
        help="a folder, or with --sheet a .png (default: pictures/ beside the last run or the JSONL)",
    )  # fmt: skip
    return parser.parse_args(argv)


def _named_folders(words: Sequence[str]) -> dict[str, Path]:
    """Return the folder of each NAME=OUTPUT_DIR; a word that is a folder has the default name."""
    folders: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals or Path(word).is_dir():
            name, folder = DEFAULT_NAME, word
        if not name or not folder:
            raise UserError(f"'{word}' is not NAME=OUTPUT_DIR: write for instance after=outputs/tuned")
        if name in folders:
            raise UserError(f"two runs are called '{name}': write NAME=OUTPUT_DIR with different names")
        folders[name] = Path(folder)
    return folders


if __name__ == "__main__":
    sys.exit(main())
