"""`python -m prepare.inspect FOLDER`: say what a folder of annotated images is, and write its recipe."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import print_result, run_command, start_logging

EXAMPLES = """\
  python -m prepare.inspect my_photos
  python -m prepare.inspect my_photos source.units=pixels --recipe data/mine.yaml"""


def main(argv: Sequence[str] | None = None) -> int:
    """Look into the folder, print the report, and write the recipe and the sheet of pictures."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.inspect",
        description="Say what a folder of annotated images is, draw nine of them with their boxes, and write "
        "the recipe that prepares it. Nothing is written if several kinds fit, or if only you can decide.",
        epilog=f"examples:\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="the folder with images and annotations")
    parser.add_argument(
        "overrides", metavar="key=value", nargs="*", help="keys of the recipe that you decide"
    )
    parser.add_argument("--recipe", metavar="FILE", type=Path, help="the recipe (data/FOLDER_dataset.yaml)")
    parser.add_argument("--overwrite", action="store_true", help="replace another recipe and its pictures")
    arguments = parser.parse_intermixed_args(argv)
    from prepare.inspect.inspection import Plan, inspect_folder

    start_logging()
    recipe = arguments.recipe or Path("data") / f"{arguments.folder.resolve().name or 'root'}_dataset.yaml"
    inspect_folder(Plan(arguments.folder, recipe, arguments.overwrite), arguments.overrides, print_result)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
