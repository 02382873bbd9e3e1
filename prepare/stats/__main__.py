"""`python -m prepare.stats DATASET`: count the content of a data set, into stats.json and stats.png."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import print_result, run_command
from prepare.locate import add_place, find_jsonl, find_place

STATS_FILE, PICTURE_FILE = "stats.json", "stats.png"


def write_stats(place: Path) -> Path:
    """Write stats.json and stats.png beside the JSONL, and return the path of the picture.

    Raises:
        UserError: there is no JSONL, it cannot be read, or a file cannot be written.
    """
    from grounding.files import replacing, write_json
    from prepare.stats.charts import draw_stats
    from prepare.stats.counts import count_files

    files = find_jsonl(place)
    folder = next(iter(files.values())).parent
    stats = count_files(files)
    write_json(folder / STATS_FILE, stats)
    with replacing(folder / PICTURE_FILE) as file:
        draw_stats(stats, folder.resolve().name, file)
    return folder / PICTURE_FILE


def main(argv: Sequence[str] | None = None) -> int:
    """Count a data set, and print the path of the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m prepare.stats",
        description="Count images, boxes, labels and answer lengths, into stats.json and stats.png.",
        epilog="example:\n  python -m prepare.stats data/coco",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_place(parser)
    arguments = parser.parse_args(argv)
    print_result(str(write_stats(find_place(arguments.dataset, arguments.overrides))))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
