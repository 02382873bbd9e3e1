"""`python -m prepare.show DATASET`: some records on a page, as training gives them to the model."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError, run_command
from models.qwen3_vl.resolution import MAX_PIXELS, MIN_PIXELS
from prepare.locate import add_place, find_jsonl, find_place

PAGE_FILE = "show.html"


def show(place: Path, limit: int, min_pixels: int = MIN_PIXELS, max_pixels: int = MAX_PIXELS) -> Path:
    """Write show.html beside the JSONL, with up to `limit` records of each split, and return its path.

    Raises:
        UserError: there is no JSONL, a line is not a record, or an image cannot be read.
    """
    from grounding.files import write_text
    from prepare.show.record_page import render_page

    files = find_jsonl(place)
    page = next(iter(files.values())).parent / PAGE_FILE
    write_text(page, render_page(files, limit, min_pixels, max_pixels))
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
    parser.add_argument(
        "--max-pixels", type=int, default=MAX_PIXELS, help="max_pixels of the training recipe (%(default)s)"
    )
    parser.add_argument(
        "--min-pixels", type=int, default=MIN_PIXELS, help="min_pixels of the training recipe (%(default)s)"
    )
    arguments = parser.parse_args(argv)
    if not 0 < arguments.min_pixels <= arguments.max_pixels:
        raise UserError(f"--min-pixels {arguments.min_pixels}: must lie in 1..{arguments.max_pixels}")
    place = find_place(arguments.dataset, arguments.overrides)
    page = show(place, max(1, arguments.limit), arguments.min_pixels, arguments.max_pixels)
    sys.stdout.write(f"{page}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
