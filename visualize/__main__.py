"""The command line: `python -m visualize [draw | page | compare | spotlight] ...`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError, run_command
from infer.compare import named_runs

EXAMPLES = """examples:
  python -m visualize checkpoints/demo/eval_after
  python -m visualize before=outputs/base after=outputs/tuned --sheet --limit 6
  python -m visualize recipes/infer/coco.yaml --style matched --images worst
  python -m visualize --jsonl data/coco/train.jsonl --limit 12 --sheet
  python -m visualize page before=outputs/base after=outputs/tuned
  python -m visualize compare before=outputs/base after=outputs/tuned
  python -m visualize spotlight photo.jpg --box 20 40 110 120 --output cup.png"""

COMMANDS = ("draw", "page", "compare", "spotlight")
DEFAULT_NAME = "prediction"
RUN_HELP = "a folder with predictions.jsonl, or the infer recipe that wrote it"


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments say and print the path of each file written; without a command, draw."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in (*COMMANDS, "-h", "--help"):
        words = ["draw", *words]

    def command() -> None:
        arguments = _parse(words)
        {"draw": _draw, "page": _page, "compare": _compare, "spotlight": _spotlight}[arguments.command](
            arguments
        )

    return run_command(command)


# What the commands need is imported late: --help loads no drawing library.
def _draw(arguments: argparse.Namespace) -> None:
    from visualize.sheets.gallery import GalleryOptions, draw_dataset, draw_runs

    options = GalleryOptions(
        arguments.limit, arguments.sheet, arguments.style, arguments.images, arguments.title
    )
    if arguments.jsonl is not None:
        if arguments.runs or arguments.style != "boxes":
            raise UserError("--jsonl draws a data set alone: leave out the OUTPUT_DIR and --style")
        paths = draw_dataset(arguments.jsonl, arguments.output, options)
    elif arguments.runs:
        runs = _named_places(arguments.runs)
        paths = draw_runs(runs, arguments.dataset, arguments.output, options)
    else:
        raise UserError("nothing to draw: give an OUTPUT_DIR of `python -m infer`, or --jsonl FILE")
    for path in paths:
        print(path)


def _page(arguments: argparse.Namespace) -> None:
    from visualize.page.page_writer import write_run_page

    written = write_run_page(
        _named_places(arguments.runs), arguments.dataset, arguments.output, arguments.limit
    )
    note = f", {written.left_out} left out that not every run has answered" if written.left_out else ""
    print(f"{written.index}: {written.images} images{note}")


def _compare(arguments: argparse.Namespace) -> None:
    from visualize.page.page_writer import write_run_page

    written = write_run_page(
        named_runs(arguments.runs), arguments.dataset, arguments.output, arguments.limit, most_changed=True
    )
    print(f"{written.index}: {written.images} images, those that changed most first")


def _spotlight(arguments: argparse.Namespace) -> None:
    from grounding.boxes import Box
    from grounding.files import replacing
    from visualize.draw.pictures import open_image
    from visualize.draw.spotlight import draw_spotlight

    if arguments.output.suffix.lower() != ".png":
        raise UserError(f"--output {arguments.output}: the picture is a PNG: give a name that ends in .png")
    image = open_image(arguments.image)
    target = Box(*arguments.box) if arguments.mask is None else open_image(arguments.mask)
    try:
        picture = draw_spotlight(image, target)
    except ValueError as error:
        raise UserError(f"{arguments.mask}: {error}: give a mask of the image's size") from error
    with replacing(arguments.output) as file:
        picture.save(file, "PNG")
    print(arguments.output)


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m visualize",
        description="Look at a data set and at a model's predictions. Without a command: draw.",
        epilog=EXAMPLES,
        formatter_class=formatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)

    draw = commands.add_parser(
        "draw", help="truth and predictions side by side, one PNG an image or all on one sheet",
        epilog=EXAMPLES, formatter_class=formatter,
    )  # fmt: skip
    draw.add_argument("runs", metavar="[NAME=]OUTPUT_DIR", nargs="*", help=RUN_HELP)
    _add_dataset(draw)
    draw.add_argument("--jsonl", metavar="FILE", type=Path, help="draw the records of a prepared data set")
    draw.add_argument(
        "--limit", metavar="N", type=_count, default=8, help="images at most (default: %(default)s)"
    )
    draw.add_argument(
        "--images", choices=("first", "worst", "best"), default="first",
        help="the first ones of the data set, or those of the last run with the worst or best match",
    )  # fmt: skip
    draw.add_argument(
        "--style", choices=("boxes", "matched"), default="boxes",
        help="matched: coloured by true positive, wrong label, false positive, missed (IoU 0.5)",
    )  # fmt: skip
    draw.add_argument("--sheet", action="store_true", help="all images on one PNG")
    draw.add_argument("--title", metavar="TEXT", default="", help="the sheet's first line, e.g. the scores")
    draw.add_argument(
        "--output", metavar="PATH", type=Path,
        help="a folder, or with --sheet a .png (default: pictures/ beside the last run or the JSONL)",
    )  # fmt: skip

    page = commands.add_parser(
        "page", help="a folder to open in a browser: scores, all images, filters, runs side by side",
        epilog=EXAMPLES, formatter_class=formatter,
    )  # fmt: skip
    page.add_argument("runs", metavar="[NAME=]OUTPUT_DIR", nargs="+", help=RUN_HELP)
    _add_dataset(page)
    page.add_argument("--limit", metavar="N", type=_count, help="images at most (default: all)")
    page.add_argument(
        "--output", metavar="DIR", type=Path, help="a new folder (default: page/ beside the last run)"
    )

    compare = commands.add_parser(
        "compare", help="the same page of the images that changed most between the first run and the last",
        epilog=EXAMPLES, formatter_class=formatter,
    )  # fmt: skip
    compare.add_argument("runs", metavar="[NAME=]OUTPUT_DIR", nargs="+", help=RUN_HELP)
    _add_dataset(compare)
    compare.add_argument(
        "--limit", metavar="N", type=_count, default=24, help="images at most (default: %(default)s)"
    )
    compare.add_argument(
        "--output", metavar="DIR", type=Path, help="a new folder (default: changes/ beside the last run)"
    )

    spotlight = commands.add_parser(
        "spotlight", help="one object of one image, all around it dimmed",
        epilog=EXAMPLES, formatter_class=formatter,
    )  # fmt: skip
    spotlight.add_argument("image", metavar="IMAGE", type=Path)
    target = spotlight.add_mutually_exclusive_group(required=True)
    target.add_argument("--box", metavar=("X1", "Y1", "X2", "Y2"), type=float, nargs=4, help="in pixels")
    target.add_argument("--mask", metavar="FILE", type=Path, help="a picture of its size, 0: background")
    spotlight.add_argument("--output", metavar="FILE", type=Path, required=True, help="a .png")
    return parser.parse_args(argv)


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dataset", metavar="DIR", type=Path, help="prepared data set (default: that of the run)"
    )


def _count(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise UserError(f"--limit {word}: a number of images, at least 1")
    return int(word)


def _named_places(words: Sequence[str]) -> dict[str, Path]:
    """Return the place of each NAME=OUTPUT_DIR; a word that is a path has the default name."""
    places: dict[str, Path] = {}
    for word in words:
        name, equals, place = word.partition("=")
        if not equals or Path(word).exists():
            name, place = DEFAULT_NAME, word
        if not name or not place:
            raise UserError(f"'{word}' is not NAME=OUTPUT_DIR: write for instance after=outputs/tuned")
        if name in places:
            raise UserError(f"two runs are called '{name}': write NAME=OUTPUT_DIR with different names")
        places[name] = Path(place)
    return places


if __name__ == "__main__":
    sys.exit(main())
