"""A page for runs: a folder that any browser opens from disk, without a server or the network."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from grounding.matching import match_detections
from visualize.draw.compared_runs import (
    Run,
    Truth,
    answered_by_all,
    dataset_of_runs,
    find_image,
    read_named_run,
    read_truth,
)
from visualize.page.contents import page_content
from visualize.page.image_copies import copy_images
from visualize.page.web_fonts import font_style

PAGE_FOLDER, CHANGES_FOLDER = "page", "changes"
INDEX_FILE, DATA_FILE, FONTS_FILE, IMAGES_FOLDER = "index.html", "data.js", "fonts.css", "images"
ASSETS = Path(__file__).with_name("assets")


@dataclass(frozen=True)
class WrittenPage:
    """The file to open, how many images it shows, and how many not every run has answered."""

    index: Path
    images: int
    left_out: int


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
    The images are in the data set's order, or if `most_changed`, those alone on which the first and the last
    run differ in their boxes, the largest difference first.

    Raises:
        UserError: predictions, data set or an image missing or unreadable, or a folder with other files.
    """
    runs = [read_named_run(name, place) for name, place in places.items()]
    truth = read_truth(dataset_of_runs(runs, dataset))
    common = answered_by_all(truth, runs)
    chosen = (_most_changed(truth, runs, common) if most_changed else common)[:limit]
    name = CHANGES_FOLDER if most_changed else PAGE_FOLDER
    target = (output or runs[-1].folder / name).absolute()
    with _replacing_folder(target) as folder:
        images = [truth.images[image_id] for image_id in chosen]
        sources = [
            (find_image(truth, shown, runs[-1].answers[shown.image_id]), shown.size) for shown in images
        ]
        (folder / IMAGES_FOLDER).mkdir()
        copies = copy_images(sources, folder / IMAGES_FOLDER)
        order = {"order": "changed most" if most_changed else "data set"}
        content = json.dumps(page_content(truth, runs, chosen, copies) | order, ensure_ascii=False)
        (folder / FONTS_FILE).write_text(font_style([content]), encoding="ascii")
        # A script, not JSON: a page opened from disk may load scripts beside it, but nothing else.
        script = f"window.PAGE_DATA = {content};\n".encode("utf-8", "replace")
        (folder / DATA_FILE).write_bytes(script)
        for asset in sorted(ASSETS.iterdir()):
            shutil.copyfile(asset, folder / asset.name)
    answered = {image_id for run in runs for image_id in run.answers}
    shown_path = (output or runs[-1].folder / name) / INDEX_FILE
    return WrittenPage(shown_path, len(chosen), len(answered) - len(common))


def _most_changed(truth: Truth, runs: Sequence[Run], ids: Sequence[int]) -> list[int]:
    """Return the images on which first and last run differ, as `python -m infer.compare` orders them.

    Raises:
        UserError: a single run, or runs without a difference.
    """
    if len(runs) < 2:
        raise UserError("one run alone has not changed: name two, before=OUTPUT_DIR after=OUTPUT_DIR")

    def agreement(run: Run, image_id: int) -> float:
        shown = truth.images[image_id]
        return match_detections(run.answers[image_id].detections, shown.detections, shown.crowds).agreement

    changes = {
        image_id: abs(agreement(runs[-1], image_id) - agreement(runs[0], image_id)) for image_id in ids
    }
    changed = sorted(
        (image_id for image_id in ids if changes[image_id]), key=lambda key: (-changes[key], key)
    )
    if not changed:
        raise UserError(f"'{runs[0].name}' and '{runs[-1].name}' do not differ on any image: nothing to show")
    return changed


@contextmanager
def _replacing_folder(target: Path) -> Iterator[Path]:
    """Make a folder beside `target`, and put it in its place when the block ends well.

    Raises:
        UserError: there is something that is not a page, or the folder cannot be written.
    """
    is_page = all((target / name).is_file() for name in (INDEX_FILE, DATA_FILE))
    if target.exists() and not is_page and not (target.is_dir() and not any(target.iterdir())):
        raise UserError(f"{target}: holds other files than a page: give a new folder as --output DIR")
    beside, before = (target.with_name(f".{target.name}.{state}") for state in ("part", "before"))
    try:
        for leftover in (beside, before):  # of a run that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        if target.exists():
            target.rename(before)
        beside.rename(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        for leftover in (beside, before):
            shutil.rmtree(leftover, ignore_errors=True)
