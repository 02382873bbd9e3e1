"""The page of one or more runs: a folder that any browser opens from disk, without server or network."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.layout import IMAGES_FOLDER
from grounding.matching import match_detections
from visualize.page.contents import page_content
from visualize.page.image_copies import PageImage, copy_images
from visualize.page.page_folder import DATA_FILE, FONTS_FILE, INDEX_FILE, replacing_page, write_assets
from visualize.page.web_fonts import font_style
from visualize.read.asked_words import AskedWords, read_asked_words
from visualize.read.compared_runs import (
    Run,
    Truth,
    answered_by_all,
    by_question,
    dataset_of_runs,
    find_image,
    read_named_run,
    read_truth,
)
from visualize.read.hard_questions import read_hard_questions

PAGE_FOLDER, CHANGES_FOLDER = "page", "changes"

HARD_NOTE = (
    "Sampled answers to training questions have no scores: hard.md in the mined data set has their grades. "
    "The worst and the best answer to each question are shown."
)


@dataclass(frozen=True)
class WrittenPage:
    """The file to open, the number of images, and how many images not every run predicted.

    `words` is the number of questions for words on the page.
    """

    index: Path
    images: int
    left_out: int
    words: int = 0


def write_run_page(
    places: Mapping[str, Path],
    dataset: Path | None,
    output: Path | None,
    limit: int | None = None,
    *,
    most_changed: bool = False,
) -> WrittenPage:
    """Write the page of the named runs into a folder, and return where its index.html is.

    The folder holds index.html with style, script and fonts, data.js, and images/. An older page is replaced.
    Images are in the data set's order. With `most_changed`, only images on which the boxes of the first and
    the last run differ are shown, largest difference first. Without, questions for words follow, too.

    Raises:
        UserError: files are missing or unreadable, or the folder holds other files than a page.
    """
    runs = [read_named_run(name, place) for name, place in places.items()]
    truth = read_truth(dataset_of_runs(runs, dataset))
    common = answered_by_all(truth, runs, or_words=not most_changed)
    ids = _most_changed(truth, runs, common) if most_changed else common
    chosen = by_question(runs, ids)[:limit]
    folder = output or runs[-1].folder / (CHANGES_FOLDER if most_changed else PAGE_FOLDER)
    words = [] if most_changed else read_asked_words(truth.dataset, runs, limit)
    order = "changed most" if most_changed else "data set"
    index = _write_page(folder, truth, runs, chosen, order=order, words=words)
    answered = {image_id for run in runs for image_id in run.answers}
    return WrittenPage(index, sum(map(len, chosen)), len(answered) - len(common), len(words))


def write_hard_page(mined: Path, output: Path | None, limit: int | None = None) -> WrittenPage:
    """Write the page of the hardest questions of a mined data set, the hardest first.

    Beside the truth are the worst and the best of the sampled answers; the question says what is wrong with
    all of them.

    Raises:
        UserError: no mined data set, files that are missing or unreadable, or the folder holds other files
            than a page.
    """
    truth, runs = read_hard_questions(mined, limit)
    folder = output or mined / PAGE_FOLDER
    questions = by_question(runs, list(truth.images))
    index = _write_page(folder, truth, runs, questions, order="hardest", note=HARD_NOTE)
    return WrittenPage(index, len(questions), 0)


def _write_page(
    folder: Path,
    truth: Truth,
    runs: Sequence[Run],
    questions: Sequence[tuple[int, ...]],
    *,
    order: str,
    note: str = "",
    words: Sequence[AskedWords] = (),
) -> Path:
    """Write a page about the images of these questions, and return its index.html.

    The note stands where no scores are.
    """
    ids = [image_id for question in questions for image_id in question]
    with replacing_page(folder.absolute()) as new:
        copies = _copy_images(truth, runs[-1], ids, words, new)
        own, shown = copies[: len(ids)], copies[len(ids) :]
        content = page_content(truth, runs, questions, own, words, shown)
        _write_data(content | {"order": order, "note": note}, new)
        write_assets(new)
    return folder / INDEX_FILE


def _copy_images(
    truth: Truth, run: Run, ids: Sequence[int], words: Sequence[AskedWords], folder: Path
) -> list[PageImage]:
    """Copy the images of the page, and then the pictures of its questions for words."""
    images = [truth.images[image_id] for image_id in ids]
    sources = [(find_image(truth, image, run.answers[image.image_id]), image.size) for image in images]
    sources += [(asked.path, asked.size) for asked in words]
    (folder / IMAGES_FOLDER).mkdir()
    return copy_images(sources, folder / IMAGES_FOLDER)


def _write_data(content: dict[str, Any], folder: Path) -> None:
    """Write the content, and the fonts that its letters need."""
    text = json.dumps(content, ensure_ascii=False)
    (folder / FONTS_FILE).write_text(font_style([text]), encoding="ascii")
    # A script, not JSON: a page opened from disk may load scripts beside it, but no other data.
    (folder / DATA_FILE).write_bytes(f"window.PAGE_DATA = {text};\n".encode("utf-8", "replace"))


def _most_changed(truth: Truth, runs: Sequence[Run], ids: Sequence[int]) -> list[int]:
    """Return the images on which first and last run differ, in the order of `python -m infer.compare`.

    Raises:
        UserError: there is a single run, or the runs do not differ.
    """
    if len(runs) < 2:
        raise UserError("one run has nothing to compare with: name two, before=OUTPUT_DIR after=OUTPUT_DIR")

    def agreement(run: Run, image_id: int) -> float:
        image = truth.images[image_id]
        return match_detections(run.answers[image_id].detections, image.detections, image.crowds).agreement

    changes = {
        image_id: abs(agreement(runs[-1], image_id) - agreement(runs[0], image_id)) for image_id in ids
    }
    changed = sorted(
        (image_id for image_id in ids if changes[image_id]), key=lambda key: (-changes[key], key)
    )
    if not changed:
        raise UserError(f"'{runs[0].name}' and '{runs[-1].name}' do not differ on any image: nothing to show")
    return changed
