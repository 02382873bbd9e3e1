"""The checks over whole files: records, images, annotations, and one split against the other."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from grounding.boxes import Size
from grounding.card import CARD_FILE, load_card
from grounding.errors import UserError
from grounding.files import read_json
from grounding.prompts import EXPRESSION, load_wordings
from prepare.check import rows as check_records
from prepare.check.findings import Finding, Report, read_lines
from prepare.check.image_bytes import look_at
from prepare.check.rows import Contract, check_record
from prepare.reasons import IMAGE_TURNED

ANNOTATIONS = "annotations_val.json"

IMAGE_TWICE = "image is there under two names"
ASKED_TWICE = "question is asked twice about one image"
IN_BOTH = "image of val is in train"
OTHER_SIZE = "image has not the size that the annotations say"
NOT_ANNOTATED = "image of val is not in the annotations"
BAD_ANNOTATIONS = "annotations are not COCO's"
REMOTE = "image is a web address, not looked at"
NO_RECORD = "file holds no record"

WARNINGS = check_records.WARNINGS | {IMAGE_TWICE, ASKED_TWICE, REMOTE, IMAGE_TURNED}

Place = tuple[Path, int]


def check_files(files: dict[str, Path], report: Report) -> None:
    """Check the JSONL files of a data set, by split, into a report.

    Raises:
        UserError: a file cannot be read.
    """
    hashes: dict[bytes, tuple[str, str]] = {}
    # val first: what is in train too is then found on the lines of train, where it has to go.
    for split in sorted(files, reverse=True):
        path = files[split]
        contract = _read_contract(path.parent)
        annotated = _read_sizes(path.parent / ANNOTATIONS, report) if split == "val" else None
        images: dict[str, int] = {}
        asked: set[bytes] = set()
        number = 0
        for number, record in read_lines(path):
            report.records += 1
            for kind, piece in check_record(record, contract):
                report.add(Finding(kind, path, number, piece))
            names = [name for name in _images_of(record) if name]
            for name in names:
                images.setdefault(name, number)
                if annotated is not None and name not in annotated:
                    report.add(Finding(NOT_ANNOTATED, path, number, name))
            if (question := _question_of(record)) is not None:
                key = hashlib.blake2b(json.dumps([names, question]).encode(), digest_size=16).digest()
                if key in asked:
                    report.add(Finding(ASKED_TWICE, path, number, f"{', '.join(names)}: {question[:60]}"))
                asked.add(key)
        if not number and split == "train":
            report.add(Finding(NO_RECORD, path, 0, "there is nothing to train on"))
        _check_images(path, split, images, annotated, hashes, report)


def _check_images(
    path: Path,
    split: str,
    images: dict[str, int],
    annotated: dict[str, Size] | None,
    hashes: dict[bytes, tuple[str, str]],
    report: Report,
) -> None:
    """Look at each image once; `hashes` holds the split and the name of those that were seen before."""
    remote = [name for name in images if re.match(r"https?://", name)]
    for name in remote:
        report.add(Finding(REMOTE, path, images[name], name))
    local = [name for name in images if name not in set(remote)]
    looks = look_at([path.parent / name for name in local], f"looking at {split} images")
    for name, look in zip(local, looks, strict=True):
        report.images += 1
        line = images[name]
        if look.fault is not None:
            report.add(Finding(look.fault, path, line, name))
        size = annotated.get(name) if annotated else None
        if size is not None and look.size is not None and look.size != size:
            said = f"{size.width}x{size.height} said, {look.size.width}x{look.size.height} found"
            report.add(Finding(OTHER_SIZE, path, line, f"{name}: {said}"))
        if not look.digest:
            continue
        other_split, other = hashes.setdefault(look.digest, (split, name))
        if other_split != split:
            report.add(Finding(IN_BOTH, path, line, f"{name} is {other} of {other_split}"))
        elif other != name:
            report.add(Finding(IMAGE_TWICE, path, line, f"{name} is {other}"))


def _read_contract(folder: Path) -> Contract:
    """Return what the card of a folder promises; nothing where there is no card."""
    if not (folder / CARD_FILE).is_file():
        return Contract()
    card = load_card(folder)
    asks = {
        wording.name: wording.asks for f in load_wordings().values() for ws in f.values() for wording in ws
    }
    is_open = not card.categories or any(asks.get(name) == EXPRESSION for name in card.prompts)
    labels = None if is_open else frozenset(category.name for category in card.categories)
    return Contract(labels, card.system_prompt, card.answer_format)


def _read_sizes(path: Path, report: Report) -> dict[str, Size] | None:
    """Return the sizes of the annotated images by file name, None where there are no annotations."""
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        return {image["file_name"]: Size(image["width"], image["height"]) for image in content["images"]}
    except (UserError, TypeError, KeyError) as error:
        report.add(Finding(BAD_ANNOTATIONS, path, 0, str(error)))
        return None


def _images_of(record: Any) -> list[str]:
    images = record.get("images") if isinstance(record, dict) else None
    return [name for name in images if isinstance(name, str)] if isinstance(images, list) else []


def _question_of(record: Any) -> str | None:
    """Return the first user message, None where there is none."""
    messages = record.get("messages") if isinstance(record, dict) else None
    for message in messages if isinstance(messages, list) else []:
        if (
            isinstance(message, dict)
            and message.get("role") == "user"
            and isinstance(message.get("content"), str)
        ):
            return str(message["content"])
    return None
