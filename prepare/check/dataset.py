"""The checks over whole files: records, images, annotations, and one split against the other."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.card import CARD_FILE, load_card
from grounding.errors import UserError
from grounding.files import find_outside
from grounding.layout import ANNOTATIONS_FILES, CALIBRATION_SPLIT
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.predictions.annotations import read_annotations
from grounding.record import flaws
from grounding.record.checker import check_record
from grounding.record.contract import read_contract
from grounding.regions.region_mark import Region, asks_for_words, read_region
from grounding.views.view_mark import VIEWS_KEY
from prepare.check.findings import Finding, Report, read_lines
from prepare.check.image_bytes import examine_images
from prepare.check.shown_regions import ShownRegion, find_shown_otherwise
from prepare.check.shown_views import ShownViews, find_other_views, shown_views
from prepare.locate import find_jsonl
from prepare.reasons import IMAGE_TURNED
from prepare.write.drawn_files import is_drawn, is_view

IMAGE_TWICE = "image has two names"
ASKED_TWICE = "question is asked twice about one image"
IN_BOTH = "image of val is in train"
OTHER_SIZE = "image has another size than the annotations say"
IN_CALIBRATION = "image of calibration is in train or val"
NOT_ANNOTATED = "image of val is not in the annotations"
NOT_ANNOTATED_CALIBRATION = "image of calibration is not in the annotations"
BAD_ANNOTATIONS = "annotations are not in COCO's format"
REMOTE = "image is a web address and was not checked"
NO_RECORD = "file has no records"
OTHER_VIEW = "view does not show the region that the mark says"
SHOWN_OTHERWISE = "picture does not show its region as the mark says"
OUTSIDE = "image lies outside the data set's folder and was not opened"

WARNINGS = flaws.WARNINGS | {IMAGE_TWICE, ASKED_TWICE, REMOTE, IMAGE_TURNED}

Hashes = dict[bytes, tuple[str, str]]
"""The split and the name of the first image with these bytes, by their hash."""


def check_dataset(place: Path, limit: int = 5) -> Report:
    """Check the folder of a data set, or a JSONL file; the report keeps the first `limit` findings of a kind.

    Raises:
        UserError: no such folder or file, no JSONL in it, or a file that cannot be read.
    """
    report = Report(limit, WARNINGS)
    files = find_jsonl(place)
    hashes: Hashes = {}
    # train last: an image of two splits is then reported on its line in train, from which it has to go.
    for split in sorted(files, key=("val", CALIBRATION_SPLIT, "train").index):
        path = files[split]
        named = ANNOTATIONS_FILES.get(split)
        annotated = None if named is None else _read_sizes(path.parent / named, report)
        before = report.records
        shown: list[ShownRegion] = []
        views: list[ShownViews] = []
        images = _check_records(path, split, annotated, shown, views, report)
        if split == "train" and report.records == before and not _is_test_set(path.parent):
            report.add(Finding(NO_RECORD, path, 0, "there is nothing to train on"))
        _check_images(path, split, images, annotated, hashes, report)
        for item in find_shown_otherwise(path.parent, shown):
            report.add(Finding(SHOWN_OTHERWISE, path, item.line, item.image))
        for line, name in find_other_views(path.parent, views, _view_pixels(path.parent)):
            report.add(Finding(OTHER_VIEW, path, line, name))
    return report


def _is_test_set(folder: Path) -> bool:
    """Tell whether a data set was prepared for evaluation alone: its card says so."""
    return (folder / CARD_FILE).is_file() and load_card(folder).recipe.get("test_set") is True


def _view_pixels(folder: Path) -> int | None:
    """Return the most pixels of a view, None without a limit."""
    if not (folder / CARD_FILE).is_file():
        return None
    most = load_card(folder).recipe.get("view_pixels")
    return most if type(most) is int else None


def _check_records(
    path: Path,
    split: str,
    annotated: Mapping[str, Size] | None,
    shown: list[ShownRegion],
    views: list[ShownViews],
    report: Report,
) -> dict[str, int]:
    """Check each line of a JSONL, and add its questions for words to `shown`, those with views to `views`.

    Returns the first line of each image.
    """
    contract = read_contract(path.parent)
    images: dict[str, int] = {}
    asked: set[bytes] = set()
    for number, record in read_lines(path):
        report.records += 1
        for flaw in check_record(record, contract):
            report.add(Finding(flaw.kind, path, number, flaw.piece))
        names = [name for name in _images_of(record) if name]
        is_about_words = asks_for_words(record)  # the picture that shows its region is no image of its own
        if is_about_words and names and (region := _region_of(record)) is not None:
            shown.append(ShownRegion(number, names[0], region))
            if region.image:  # the picture of the source has to be there, and in no other split
                images.setdefault(region.image, number)
        asked_about = set(names[: _asked_images(record)])
        if (with_views := shown_views(number, record)) is not None:
            views.append(with_views)
            asked_about = {with_views.image}
        for name in names:
            images.setdefault(name, number)
            if annotated is not None and name not in annotated and not is_about_words and name in asked_about:
                kind = NOT_ANNOTATED_CALIBRATION if split == CALIBRATION_SPLIT else NOT_ANNOTATED
                report.add(Finding(kind, path, number, name))
        if (question := _question_of(record)) is not None:
            key = hashlib.blake2b(json.dumps([names, question]).encode(), digest_size=16).digest()
            if key in asked:
                report.add(Finding(ASKED_TWICE, path, number, f"{', '.join(names)}: {question[:60]}"))
            asked.add(key)
    return images


def _check_images(
    path: Path,
    split: str,
    images: dict[str, int],
    annotated: Mapping[str, Size] | None,
    hashes: Hashes,
    report: Report,
) -> None:
    """Check each image of a split once: its file, its size, and whether its bytes were seen before.

    A box that two kinds of questions show has a picture for each, with the same bytes: these are no doubles.
    """
    is_remote = re.compile(r"https?://").match
    for name in filter(is_remote, images):
        report.add(Finding(REMOTE, path, images[name], name))
    outside = set(find_outside((path.parent / name for name in images if not is_remote(name)), path.parent))
    for name in (name for name in images if path.parent / name in outside):
        report.add(Finding(OUTSIDE, path, images[name], name))
    local = [name for name in images if not is_remote(name) and path.parent / name not in outside]
    examined = examine_images([path.parent / name for name in local], f"looking at {split} images")
    for name, image in zip(local, examined, strict=True):
        report.images += 1
        line = images[name]
        if image.fault is not None:
            report.add(Finding(image.fault, path, line, name))
        size = annotated.get(name) if annotated else None
        if size is not None and image.size is not None and image.size != size:
            said = f"{size.width}x{size.height} said, {image.size.width}x{image.size.height} found"
            report.add(Finding(OTHER_SIZE, path, line, f"{name}: {said}"))
        if not image.digest:
            continue
        if is_view(name, image.digest):
            continue  # parts of two pictures can look alike
        other_split, other = hashes.setdefault(image.digest, (split, name))
        if other_split != split:
            kind = IN_CALIBRATION if CALIBRATION_SPLIT in (split, other_split) else IN_BOTH
            report.add(Finding(kind, path, line, f"{name} is {other} of {other_split}"))
        elif other != name and not (is_drawn(name, image.digest) and is_drawn(other, image.digest)):
            report.add(Finding(IMAGE_TWICE, path, line, f"{name} is {other}"))


def _read_sizes(path: Path, report: Report) -> dict[str, Size] | None:
    """Return the sizes of the annotated images by file name, None if there are no annotations."""
    if not path.is_file():
        return None
    try:
        content = read_annotations(path)
        return {image["file_name"]: Size(image["width"], image["height"]) for image in content["images"]}
    except (UserError, KeyError) as error:
        report.add(Finding(BAD_ANNOTATIONS, path, 0, str(error)))
        return None


def _region_of(record: Any) -> Region | None:
    """Return the region of a question for words, None if its mark makes no sense."""
    try:
        return read_region(record)
    except ValueError:
        return None


def _images_of(record: Any) -> list[str]:
    images = record.get("images") if isinstance(record, dict) else None
    return [name for name in images if isinstance(name, str)] if isinstance(images, list) else []


def _asked_images(record: Any) -> int:
    """Return how many images the first question shows: the annotations are about these alone."""
    if isinstance(record, dict) and VIEWS_KEY in record:
        return 1  # the others are views of it
    return max(1, (_question_of(record) or "").count(IMAGE_PLACEHOLDER))


def _question_of(record: Any) -> str | None:
    """Return the first user message, None if there is none."""
    messages = record.get("messages") if isinstance(record, dict) else None
    for message in messages if isinstance(messages, list) else []:
        if (
            isinstance(message, dict)
            and message.get("role") == "user"
            and isinstance(message.get("content"), str)
        ):
            return str(message["content"])
    return None
