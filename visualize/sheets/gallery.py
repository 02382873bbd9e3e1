"""Galleries: pictures of a data set, or of runs on it, as PNG files."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

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
    by_question,
    dataset_of_runs,
    find_image,
    read_named_run,
    read_truth,
)
from visualize.read.training_records import DrawnRecord, read_records
from visualize.sheets.grid import CAPTION_LINES
from visualize.sheets.panels import PANEL_WIDTH, Panel, describe_outcomes, draw_panels
from visualize.sheets.sheet import contact_sheet, side_by_side, with_legend

SINGLE_WIDTH = 640
"""Panel width in pixels if each image has its own file."""

WORD_LINES = 6
"""Most lines of a caption that is an answer in words."""

SHEET_FILE = "sheet.png"
PICTURES_FOLDER = "pictures"


@dataclass(frozen=True)
class GalleryOptions:
    """Which images are drawn (first, worst, best; `limit` of each kind at most), and how (boxes, matched).

    The kinds are questions about boxes, and those for words. `candidates` tells whether those of a question
    are drawn, too.
    """

    limit: int = 8
    sheet: bool = False
    style: str = "boxes"
    images: str = "first"
    title: str = ""
    candidates: bool = True


def draw_runs(
    places: Mapping[str, Path], dataset: Path | None, output: Path | None, options: GalleryOptions
) -> Iterator[Path]:
    """Draw the truth beside the predictions of each run, and yield the path of each written file.

    Each picture of a question with several has a file of its own; on a sheet they stand side by side.
    Questions for words about regions follow those about boxes, as many at most, in the data set's order.

    Raises:
        UserError: predictions, the data set or an image are missing or unreadable.
    """
    runs = [read_named_run(name, place) for name, place in places.items()]
    truth = read_truth(dataset_of_runs(runs, dataset))
    chosen = by_question(runs, _choose(truth, runs, options))[: options.limit]
    words = read_asked_words(truth.dataset, runs, options.limit)
    target = _target(output, runs[-1].folder, options)
    questions = itertools.chain(
        ([_compare(truth, runs, *placed, options) for placed in _numbered(group)] for group in chosen),
        ([_compare_words(runs, asked, options)] for asked in words),
    )
    names = [[truth.images[image_id].image for image_id in group] for group in chosen]
    yield from _write(questions, [*names, *([asked.image] for asked in words)], target, options)


def draw_dataset(jsonl: Path, output: Path | None, options: GalleryOptions) -> Iterator[Path]:
    """Draw the records of a prepared data set, and yield the path of each written file.

    Raises:
        UserError: the file or an image is missing or unreadable.
    """
    records = list(read_records(jsonl, options.limit))
    if not records:
        raise UserError(f"{jsonl}: the file is empty: prepare the data set again")

    questions = (
        [_draw_record(jsonl.parent, record, *placed, options) for placed in _numbered(record.images)]
        for record in records
    )
    target = _target(output, jsonl.parent, options)
    names = [[shown.image for shown in record.images] for record in records]
    yield from _write(questions, names, target, options)


Item = TypeVar("Item")


def _numbered(items: Sequence[Item]) -> list[tuple[Item, str]]:
    """Return the pictures of a question, each with what stands before its name: "" for the only one."""
    if len(items) == 1:
        return [(items[0], "")]
    return [(item, f"Image {number}: ") for number, item in enumerate(items, start=1)]


def _draw_record(
    folder: Path, record: DrawnRecord, shown: AnnotatedImage, number: str, options: GalleryOptions
) -> Image.Image:
    """Draw one picture of a record with its objects."""
    caption = _caption(f"{number}{shown.image}", _counted(len(shown.detections), "object"), shown.problems)
    if (answer := record.words) is not None:
        caption = f"{record.question} {answer}" if options.sheet else f"{shown.image}: {answer}"
    lines = CAPTION_LINES if answer is None else WORD_LINES
    candidates = shown.candidates if options.candidates else ()
    panels = [Panel(caption, shown.detections, lines=lines, candidates=candidates)]
    heading = "" if options.sheet else record.question
    image = open_image(folder / shown.image)
    return draw_panels(image, panels, width=_width(options), heading=heading)


def _choose(truth: Truth, runs: Sequence[Run], options: GalleryOptions) -> list[int]:
    """Return the ids of the images that every run predicted, in the order in which they are drawn."""
    common = answered_by_all(truth, runs, or_words=True)
    if options.images != "first":
        last, sign = runs[-1].answers, 1 if options.images == "worst" else -1
        common.sort(key=lambda image_id: sign * _agreement(truth.images[image_id], last[image_id]))
    return common


def _agreement(truth: AnnotatedImage, answered: Prediction) -> float:
    return agreement(judge_detections(truth.detections, answered.detections, truth.crowds))


def _compare(
    truth: Truth, runs: Sequence[Run], image_id: int, number: str, options: GalleryOptions
) -> Image.Image:
    shown = truth.images[image_id]
    answers = [run.answers[image_id] for run in runs]
    image = open_image(find_image(truth, shown, answers[-1]), shown.size)
    words = f"truth: {_counted(len(shown.detections), 'object')}"
    listed = [answered.candidates if options.candidates else () for answered in answers]
    panels = [Panel(words, shown.detections, crowds=shown.crowds, candidates=listed[-1])]
    # Colours are assigned once for all panels, so that a label has one colour across the picture.
    everything: list[Detection] = [*shown.detections]
    for run, answered, candidates in zip(runs, answers, listed, strict=True):
        predicted = answered.detections
        words = describe_outcomes(shown.detections, predicted, shown.crowds)
        caption = _caption(run.name, words, answered.problems)
        panel = Panel(caption, predicted, candidates=candidates)
        is_judged = options.style == "matched"
        panels.append(replace(panel, truth=shown.detections, crowds=shown.crowds) if is_judged else panel)
        everything += predicted
    colors = assign_colors((item.label for item in everything), truth.categories)
    return draw_panels(image, panels, colors=colors, width=_width(options), heading=f"{number}{shown.image}")


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
    questions: Iterator[list[Image.Image]],
    names: Sequence[Sequence[str]],
    target: Path,
    options: GalleryOptions,
) -> Iterator[Path]:
    """Write the pictures of each question, which have these names, and yield the path of each file."""
    if options.sheet:
        cells = [pictures[0] if len(pictures) == 1 else side_by_side(pictures) for pictures in questions]
        sheet = contact_sheet(cells, title=options.title, legend=options.style == "matched")
        yield _save(sheet, target)
        return
    for number, (pictures, own) in enumerate(zip(questions, names, strict=True), start=1):
        for place, (picture, name) in enumerate(zip(pictures, own, strict=True), start=1):
            finished = with_legend(picture) if options.style == "matched" else picture
            part = "" if len(own) == 1 else f"_{place}"
            yield _save(finished, target / f"{number:03d}{part}_{Path(name).stem}.png")


def _save(picture: Image.Image, path: Path) -> Path:
    with replacing(path) as file:
        picture.save(file, "PNG")
    return path
