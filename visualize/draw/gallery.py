"""Galleries: the pictures of a data set or of runs on it, written as PNG files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grounding.errors import UserError
from grounding.files import replacing
from grounding.samples import Detection
from infer.runs.predictions import Prediction
from visualize.draw.colors import assign_colors
from visualize.draw.compared_runs import (
    Run,
    Shown,
    Truth,
    answered_by_all,
    find_dataset,
    find_image,
    read_run,
    read_truth,
)
from visualize.draw.outcomes import agreement, match_detections
from visualize.draw.pictures import open_image
from visualize.draw.sheet import PANEL_WIDTH, Panel, comparison, contact_sheet, draw_panels, with_legend
from visualize.draw.training_records import read_records

SINGLE_WIDTH = 640
"""Width in pixels of a panel where each image has a file of its own."""

SHEET_FILE = "sheet.png"
PICTURES_FOLDER = "pictures"


@dataclass(frozen=True)
class Options:
    """How many images, which (first, worst, best), and how they are drawn (boxes, matched)."""

    limit: int = 8
    sheet: bool = False
    style: str = "boxes"
    images: str = "first"
    title: str = ""


def draw_runs(
    places: Mapping[str, Path], dataset: Path | None, output: Path | None, options: Options
) -> Iterator[Path]:
    """Draw truth beside the predictions of each run, and yield the path of each file written.

    Raises:
        UserError: predictions, data set or an image missing or unreadable.
    """
    runs = [read_run(name, place) for name, place in places.items()]
    truth = read_truth(find_dataset(runs, dataset))
    chosen = _choose(truth, runs, options)
    target = _target(output, runs[-1].folder, options)
    pictures = (_compare(truth, runs, image_id, options) for image_id in chosen)
    names = [truth.images[image_id].image for image_id in chosen]
    yield from _write(pictures, names, target, options)


def draw_dataset(jsonl: Path, output: Path | None, options: Options) -> Iterator[Path]:
    """Draw the records of a prepared data set, and yield the path of each file written.

    Raises:
        UserError: the file or an image missing or unreadable.
    """
    records = list(read_records(jsonl, options.limit))
    if not records:
        raise UserError(f"{jsonl}: no records in it: prepare the data set again")

    def pictures() -> Iterator[Image.Image]:
        for shown, question in records:
            caption = _caption(shown.image, _counted(len(shown.detections), "object"), shown.problems)
            image = open_image(jsonl.parent / shown.image)
            panels = [Panel(caption, shown.detections)]
            heading = "" if options.sheet else question
            yield draw_panels(image, panels, width=_width(options), heading=heading)

    target = _target(output, jsonl.parent, options)
    yield from _write(pictures(), [shown.image for shown, _ in records], target, options)


def _choose(truth: Truth, runs: Sequence[Run], options: Options) -> list[int]:
    """Return the ids of the images to draw, out of those that every run has predicted."""
    common = answered_by_all(truth, runs)
    if options.images != "first":
        last, sign = runs[-1].answers, 1 if options.images == "worst" else -1
        common.sort(key=lambda image_id: sign * _agreement(truth.images[image_id], last[image_id]))
    return common[: options.limit]


def _agreement(truth: Shown, answered: Prediction) -> float:
    return agreement(match_detections(truth.detections, answered.detections, truth.crowds))


def _compare(truth: Truth, runs: Sequence[Run], image_id: int, options: Options) -> Image.Image:
    shown = truth.images[image_id]
    answers = [run.answers[image_id] for run in runs]
    image = open_image(find_image(truth, shown, answers[-1]), shown.size)
    words = f"truth: {_counted(len(shown.detections), 'object')}"
    panels = [Panel(words, shown.detections, crowds=shown.crowds)]
    # One assignment for all panels: a label has one colour across the picture.
    everything: list[Detection] = [*shown.detections]
    for run, answered in zip(runs, answers, strict=True):
        predicted = answered.detections
        words = comparison(shown.detections, predicted, shown.crowds)
        caption = _caption(run.name, words, answered.problems)
        if options.style == "matched":
            panels.append(Panel(caption, predicted, shown.detections, shown.crowds))
        else:
            panels.append(Panel(caption, predicted))
        everything += predicted
    colors = assign_colors((item.label for item in everything), truth.categories)
    return draw_panels(image, panels, colors=colors, width=_width(options), heading=shown.image)


def _caption(name: str, words: str, problems: Sequence[str]) -> str:
    return f"{name}: {words}" + (f", {_counted(len(problems), 'problem')} in the answer" if problems else "")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _width(options: Options) -> int:
    return PANEL_WIDTH if options.sheet else SINGLE_WIDTH


def _target(output: Path | None, beside: Path, options: Options) -> Path:
    """Return the file of the sheet, or the folder of the pictures."""
    target = output or beside / PICTURES_FOLDER
    if target.suffix.lower() == ".png":
        if not options.sheet:
            raise UserError(f"--output {target}: a file holds one sheet: add --sheet, or give a folder")
        return target
    return target / SHEET_FILE if options.sheet else target


def _write(
    pictures: Iterator[Image.Image], names: Sequence[str], target: Path, options: Options
) -> Iterator[Path]:
    if options.sheet:
        sheet = contact_sheet(list(pictures), title=options.title, legend=options.style == "matched")
        yield _save(sheet, target)
        return
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True), start=1):
        finished = with_legend(picture) if options.style == "matched" else picture
        yield _save(finished, target / f"{number:03d}_{Path(name).stem}.png")


def _save(picture: Image.Image, path: Path) -> Path:
    with replacing(path) as file:
        picture.save(file, "PNG")
    return path
