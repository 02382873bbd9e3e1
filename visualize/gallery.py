"""Galleries: the pictures of a data set or of runs on it, written as PNG files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grounding.errors import UserError
from grounding.files import replacing
from grounding.samples import Detection
from visualize.colors import assign_colors
from visualize.match import Outcome, count_outcomes, match_detections
from visualize.runs import Run, Shown, Truth, find_dataset, open_image, read_records, read_run, read_truth
from visualize.sheet import PANEL_WIDTH, Panel, comparison, contact_sheet, draw_panels, with_legend

SINGLE_WIDTH = 640
"""Width in pixels of a panel where each image has a file of its own."""

SHEET_FILE = "sheet.png"
PICTURES_FOLDER = "pictures"


@dataclass(frozen=True)
class Options:
    """How many images, which (first, worst, best), and how they are drawn."""

    limit: int = 8
    sheet: bool = False
    matched: bool = False
    images: str = "first"
    title: str = ""


def draw_runs(
    folders: Mapping[str, Path], dataset: Path | None, output: Path | None, options: Options
) -> Iterator[Path]:
    """Draw truth beside the predictions of each run, and yield the path of each file written.

    Raises:
        UserError: predictions, data set or an image missing or unreadable.
    """
    runs = [read_run(name, folder) for name, folder in folders.items()]
    found = find_dataset(runs, dataset)
    truth = read_truth(found)
    chosen = _choose(truth, runs, options)
    target = _target(output, runs[-1].folder, options)
    pictures = (_compare(truth, runs, image_id, found, options) for image_id in chosen)
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
            heading = "" if options.sheet else question.replace("<image>", "").strip()
            yield draw_panels(image, panels, width=_width(options), heading=heading)

    target = _target(output, jsonl.parent, options)
    yield from _write(pictures(), [shown.image for shown, _ in records], target, options)


def _choose(truth: Truth, runs: Sequence[Run], options: Options) -> list[int | str]:
    """Return the ids of the images to draw, out of those that every run has predicted."""
    common = [image_id for image_id in truth.images if all(image_id in run.predictions for run in runs)]
    if not common:
        names = " and ".join(str(run.folder) for run in runs)
        raise UserError(f"{names}: no image of the data set was predicted by every run: check --dataset DIR")
    if options.images != "first":
        last, sign = runs[-1].predictions, 1 if options.images == "worst" else -1
        common.sort(key=lambda image_id: sign * _agreement(truth.images[image_id], last[image_id]))
    return common[: options.limit]


def _agreement(truth: Shown, prediction: Shown) -> float:
    """Return the share of right objects among all that are true or predicted, 1 where there are none."""
    counts = count_outcomes(match_detections(truth.detections, prediction.detections))
    total = sum(counts.values())
    return counts[Outcome.TRUE_POSITIVE] / total if total else 1.0


def _compare(
    truth: Truth, runs: Sequence[Run], image_id: int | str, dataset: Path, options: Options
) -> Image.Image:
    shown = truth.images[image_id]
    predictions = [run.predictions[image_id] for run in runs]
    image = open_image(dataset / predictions[-1].image, shown.size)
    panels = [Panel(f"truth: {_counted(len(shown.detections), 'object')}", shown.detections)]
    for run, prediction in zip(runs, predictions, strict=True):
        words = comparison(shown.detections, prediction.detections)
        caption = _caption(run.name, words, prediction.problems)
        panels.append(Panel(caption, prediction.detections, shown.detections if options.matched else None))
    # One assignment for all panels: a label has one colour across the picture.
    everything: list[Detection] = [*shown.detections]
    for prediction in predictions:
        everything += prediction.detections
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
        sheet = contact_sheet(list(pictures), title=options.title, legend=options.matched)
        yield _save(sheet, target)
        return
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True), start=1):
        finished = with_legend(picture) if options.matched else picture
        yield _save(finished, target / f"{number:03d}_{Path(name).stem}.png")


def _save(picture: Image.Image, path: Path) -> Path:
    with replacing(path) as file:
        picture.save(file, "PNG")
    return path
