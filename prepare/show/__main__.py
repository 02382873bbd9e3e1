"""`python -m prepare.show DATASET`: some records on a page, as training gives them to the model."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError, print_result, run_command
from prepare.locate import add_place, find_jsonl, find_place

PAGE_FILE = "show.html"


def show(place: Path, limit: int, min_pixels: int | None = None, max_pixels: int | None = None) -> Path:
    """Write show.html beside the JSONL, with up to `limit` records of each split, and return its path.

    A limit that is None is the model family's.

    Raises:
        UserError: there is no JSONL, a line is not a record, an image cannot be read, or the limits
            contradict each other.
    """
    from grounding.files import write_text
    from models.lookup import DEFAULT_FAMILY
    from prepare.show.record_page import render_page

    lower, upper = DEFAULT_FAMILY.pixel_limits
    lower, upper = min_pixels or lower, max_pixels or upper
    if not 0 < lower <= upper:
        raise UserError(f"--min-pixels {lower}: must lie in 1..{upper}")
    files = find_jsonl(place)
    page = next(iter(files.values())).parent / PAGE_FILE
    write_text(page, render_page(files, limit, lower, upper))
    return page


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, and print its path."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.show",
        description="Show some records on one page, show.html: image at training resolution, boxes, text.",
        epilog="example:\n  python -m prepare.show data/coco --limit 20",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_place(parser)
    parser.add_argument("--limit", type=int, default=12, help="records of each split (%(default)s)")
    parser.add_argument("--max-pixels", type=int, help="max_pixels of the training recipe (1048576)")
    parser.add_argument("--min-pixels", type=int, help="min_pixels of the training recipe (65536)")
    arguments = parser.parse_args(argv)
    place = find_place(arguments.dataset, arguments.overrides)
    page = show(place, max(1, arguments.limit), arguments.min_pixels, arguments.max_pixels)
    print_result(str(page))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
