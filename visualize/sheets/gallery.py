"""Galleries: pictures of a data set, or of runs on it, as PNG files."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grounding.errors import UserError
from grounding.files import replacing
from grounding.predictions.outcomes import agreement, judge_detections
from grounding.predictions.prediction_rows import Prediction
from grounding.regions.region_mark import REGION_KEY
from grounding.samples import Detection
from visualize.draw.colors import assign_colors
from visualize.draw.pictures import open_image
from visualize.read.asked_words import AskedWords, read_asked_words
from visualize.read.compared_runs import (
    AnnotatedImage,
    Run,
    Truth,
    answered_by_all,
    dataset_of_runs,
    find_image,
    read_named_run,
    read_truth,
)
from visualize.read.training_records import read_records
from visualize.sheets.grid import CAPTION_LINES
from visualize.sheets.panels import PANEL_WIDTH, Panel, describe_outcomes, draw_panels
from visualize.sheets.sheet import contact_sheet, with_legend

SINGLE_WIDTH = 640
"""Panel width in pixels if each image has its own file."""

WORD_LINES = 6
"""Most lines of a caption that is an answer in words."""

SHEET_FILE = "sheet.png"
PICTURES_FOLDER = "pictures"


@dataclass(frozen=True)
class GalleryOptions:
    """Which images are drawn (first, worst, best; `limit` of each kind at most), and how (boxes, matched).

    The kinds are questions about boxes, and those for words.
    """

    limit: int = 8
    sheet: bool = False
    style: str = "boxes"
    images: str = "first"
    title: str = ""


def draw_runs(
    places: Mapping[str, Path], dataset: Path | None, output: Path | None, options: GalleryOptions
) -> Iterator[Path]:
    """Draw the truth beside the predictions of each run, and yield the path of each written file.

    Questions for words about regions follow those about boxes, as many at most, in the data set's order.

    Raises:
        UserError: predictions, the data set or an image are missing or unreadable.
    """
    runs = [read_named_run(name, place) for name, place in places.items()]
    truth = read_truth(dataset_of_runs(runs, dataset))
    chosen = _choose(truth, runs, options)
    words = read_asked_words(truth.dataset, runs, options.limit)
    target = _target(output, runs[-1].folder, options)
    pictures = itertools.chain(
        (_compare(truth, runs, image_id, options) for image_id in chosen),
        (_compare_words(runs, asked, options) for asked in words),
    )
    names = [truth.images[image_id].image for image_id in chosen] + [asked.image for asked in words]
    yield from _write(pictures, names, target, options)


def draw_dataset(jsonl: Path, output: Path | None, options: GalleryOptions) -> Iterator[Path]:
    """Draw the records of a prepared data set, and yield the path of each written file.

    Raises:
        UserError: the file or an image is missing or unreadable.
    """
    records = list(read_records(jsonl, options.limit))
    if not records:
        raise UserError(f"{jsonl}: the file is empty: prepare the data set again")

    def pictures() -> Iterator[Image.Image]:
        for shown, question, answer in records:
            words = _counted(len(shown.detections), "object")
            caption = _caption(shown.image, words, shown.problems)
            if answer is not None:
                caption = f"{question} {answer}" if options.sheet else f"{shown.image}: {answer}"
            image = open_image(jsonl.parent / shown.image)
            lines = CAPTION_LINES if answer is None else WORD_LINES
            panels = [Panel(caption, shown.detections, lines=lines)]
            heading = "" if options.sheet else question
            yield draw_panels(image, panels, width=_width(options), heading=heading)

    target = _target(output, jsonl.parent, options)
    yield from _write(pictures(), [record.shown.image for record in records], target, options)


def _choose(truth: Truth, runs: Sequence[Run], options: GalleryOptions) -> list[int]:
    """Return the ids of the images to draw, from those that every run predicted."""
    common = answered_by_all(truth, runs, or_words=True)
    if options.images != "first":
        last, sign = runs[-1].answers, 1 if options.images == "worst" else -1
        common.sort(key=lambda image_id: sign * _agreement(truth.images[image_id], last[image_id]))
    return common[: options.limit]


def _agreement(truth: AnnotatedImage, answered: Prediction) -> float:
    return agreement(judge_detections(truth.detections, answered.detections, truth.crowds))


def _compare(truth: Truth, runs: Sequence[Run], image_id: int, options: GalleryOptions) -> Image.Image:
    shown = truth.images[image_id]
    answers = [run.answers[image_id] for run in runs]
    image = open_image(find_image(truth, shown, answers[-1]), shown.size)
    words = f"truth: {_counted(len(shown.detections), 'object')}"
    panels = [Panel(words, shown.detections, crowds=shown.crowds)]
    # Colours are assigned once for all panels, so that a label has one colour across the picture.
    everything: list[Detection] = [*shown.detections]
    for run, answered in zip(runs, answers, strict=True):
        predicted = answered.detections
        words = describe_outcomes(shown.detections, predicted, shown.crowds)
        caption = _caption(run.name, words, answered.problems)
        if options.style == "matched":
            panels.append(Panel(caption, predicted, shown.detections, shown.crowds))
        else:
            panels.append(Panel(caption, predicted))
        everything += predicted
    colors = assign_colors((item.label for item in everything), truth.categories)
    return draw_panels(image, panels, colors=colors, width=_width(options), heading=shown.image)


def _compare_words(runs: Sequence[Run], asked: AskedWords, options: GalleryOptions) -> Image.Image:
    """Draw the picture that showed a region, once with what is true of it, and once for each run's words."""
    name = asked.region.label or REGION_KEY
    region = () if asked.box is None else (Detection(name, asked.box),)
    texts = {"truth": " | ".join(asked.region.phrases)}
    for run, answered in zip(runs, asked.answers, strict=True):
        texts[run.name] = (answered.raw or "(empty answer)") + _in_answer(answered.problems)
    panels = [Panel(f"{title}: {text}", region, lines=WORD_LINES) for title, text in texts.items()]
    heading = asked.answers[-1].question
    return draw_panels(open_image(asked.path, asked.size), panels, width=_width(options), heading=heading)


def _caption(name: str, words: str, problems: Sequence[str]) -> str:
    return f"{name}: {words}{_in_answer(problems)}"


def _in_answer(problems: Sequence[str]) -> str:
    return f", {_counted(len(problems), 'problem')} in the answer" if problems else ""


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _width(options: GalleryOptions) -> int:
    return PANEL_WIDTH if options.sheet else SINGLE_WIDTH


def _target(output: Path | None, beside: Path, options: GalleryOptions) -> Path:
    """Return the file of the sheet, or the folder of the pictures."""
    target = output or beside / PICTURES_FOLDER
    if target.suffix.lower() == ".png":
        if not options.sheet:
            raise UserError(f"--output {target}: a file holds one sheet: add --sheet, or give a folder")
        return target
    return target / SHEET_FILE if options.sheet else target


def _write(
    pictures: Iterator[Image.Image], names: Sequence[str], target: Path, options: GalleryOptions
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
