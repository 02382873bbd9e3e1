"""The commands of `python -m visualize`: each takes parsed arguments and yields the lines to print."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from grounding.errors import UserError

DEFAULT_NAME = "prediction"
"""Name of a run that is given without one."""


# Each command imports what it needs when it runs: --help loads no drawing library.
def run_draw(arguments: argparse.Namespace) -> Iterator[str]:
    """Draw runs or a data set, and yield the path of each written picture.

    Raises:
        UserError: arguments that exclude each other, or files that are missing or unreadable.
    """
    from visualize.sheets.gallery import GalleryOptions, draw_dataset, draw_runs

    options = GalleryOptions(
        *(arguments.limit, arguments.sheet, arguments.style, arguments.images, arguments.title),
        candidates=not arguments.no_candidates,
    )
    if arguments.jsonl is not None:
        if arguments.runs or arguments.style != "boxes":
            raise UserError("--jsonl draws a data set alone: leave out OUTPUT_DIR and --style")
        paths = draw_dataset(arguments.jsonl, arguments.output, options)
    elif arguments.runs:
        runs = named_places(arguments.runs)
        paths = draw_runs(runs, arguments.dataset, arguments.output, options)
    else:
        raise UserError("nothing to draw: give an OUTPUT_DIR of `python -m infer`, or --jsonl FILE")
    yield from map(str, paths)


def run_page(arguments: argparse.Namespace) -> Iterator[str]:
    """Write the page of runs, and yield its path and the number of images.

    Raises:
        UserError: files that are missing or unreadable.
    """
    from visualize.page.page_writer import write_run_page

    written = write_run_page(
        named_places(arguments.runs), arguments.dataset, arguments.output, arguments.limit
    )
    note = f", {written.left_out} left out because not every run predicted them" if written.left_out else ""
    shown = [f"{written.images} images"] if written.images or not written.words else []
    shown += [f"{written.words} questions for words"] if written.words else []
    yield f"{written.index}: {' and '.join(shown)}{note}"


def run_compare(arguments: argparse.Namespace) -> Iterator[str]:
    """Write the page of the images that changed most, and yield its path and the number of images.

    Raises:
        UserError: runs without a difference, or files that are missing or unreadable.
    """
    from infer.scoring.comparison import named_runs
    from visualize.page.page_writer import write_run_page

    written = write_run_page(
        named_runs(arguments.runs), arguments.dataset, arguments.output, arguments.limit, most_changed=True
    )
    yield f"{written.index}: {written.images} images, largest change first"


def run_hard(arguments: argparse.Namespace) -> Iterator[str]:
    """Write the page of the hardest training questions, and yield its path and the number of images.

    Raises:
        UserError: no mined data set, or files that are missing or unreadable.
    """
    from visualize.page.page_writer import write_hard_page

    written = write_hard_page(arguments.mined, arguments.output, arguments.limit)
    yield f"{written.index}: {written.images} questions, the hardest first"


def run_spotlight(arguments: argparse.Namespace) -> Iterator[str]:
    """Write an image with everything but one object dimmed, and yield its path.

    Raises:
        UserError: files that are missing or unreadable, or a mask of another size.
    """
    from grounding.boxes import Box
    from grounding.files import replacing
    from grounding.images.region_pictures import draw_spotlight
    from visualize.draw.pictures import open_image

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
    yield str(arguments.output)


def named_places(words: Sequence[str]) -> dict[str, Path]:
    """Return the place of each NAME=OUTPUT_DIR; a path without a name gets the default name.

    Raises:
        UserError: a name or a path is empty, or two runs have one name.
    """
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
