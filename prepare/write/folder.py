"""The data set's folder: whose it is, what goes into it, and in which order.

    train.jsonl  val.jsonl  annotations_val.json  images/  card.json

The card is written last, so a folder with a card is complete. Until then `.preparing.json` says what the
folder is going to be, which lets a killed run go on.
"""

import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from grounding.card import CARD_FILE, Card, load_card, save_card
from grounding.categories import Category
from grounding.errors import UserError
from grounding.files import read_json, read_jsonl, replacing, write_json
from grounding.layout import ANNOTATIONS_FILE, IMAGES_FOLDER, JSONL_FILES
from grounding.samples import Sample
from prepare.write.extraction import Taken
from prepare.write.image_files import EXTENSIONS
from prepare.write.lock import LOCK_FILE

MARKER = ".preparing.json"

_OUR_IMAGE = re.compile(rf"\d{{12,}}\.({'|'.join(sorted(set(EXTENSIONS.values())))})")
_LEFT_OVER = re.compile(r"\..+\.\d+\.part")

logger = logging.getLogger(__name__)

Identity = dict[str, Any]
"""What decides the bytes of a data set; two runs with one identity write the same files."""


def card_identity(card: Card) -> Identity:
    """Return the identity of the data set that a card describes; where the source lies is no part of it."""
    settings = {key: value for key, value in card.recipe.items() if key != "source"}
    reading = {f"source.{key}": card.recipe.get("source", {}).get(key) for key in ("kind", "boxes", "units")}
    return (
        settings
        | reading
        | {
            "source files": card.source_fingerprint,
            "prompts": card.prompts,
            "system_prompt": card.system_prompt,
        }
    )


def find_finished(folder: Path, identity: Identity, overwrite: bool) -> Card | None:
    """Return the card of this very data set if it is all there; None if it has to be prepared.

    Raises:
        UserError: the folder holds another data set, or files that are no data set.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"output_dir: {folder} is a file: choose another output_dir")
    there = (
        sorted(
            path.name
            for path in folder.iterdir()
            if path.name != LOCK_FILE and not _LEFT_OVER.fullmatch(path.name)
        )
        if folder.is_dir()
        else []
    )
    if there and MARKER not in there and not {CARD_FILE, JSONL_FILES["train"]} <= set(there):
        raise UserError(
            f"output_dir: {folder} holds {', '.join(there[:3])}{', ...' if len(there) > 3 else ''} "
            "and is not a prepared data set: choose another output_dir"
        )
    if there and not overwrite:
        card = load_card(folder) if CARD_FILE in there else None
        known = card_identity(card) if card else _identity_in(folder)
        if known is None:
            raise UserError(
                f"output_dir: {folder} was being replaced by another data set when a run stopped: "
                "choose another output_dir or overwrite=true"
            )
        if known != identity:
            raise UserError(
                f"output_dir: {folder} holds another data set ({_differences(known, identity)}): "
                "choose another output_dir or overwrite=true"
            )
        if card and not _count_missing(folder):
            (folder / MARKER).unlink(missing_ok=True)
            return card
    return None


def begin(folder: Path, identity: Identity) -> bool:
    """Mark the folder as going to be this data set, and take away what a data set before has left.

    Returns whether the images in it are those of this data set: written, and checked, by a killed run.

    Raises:
        UserError: the folder cannot be written.
    """
    is_resumed = _identity_in(folder) == identity
    is_fresh = not any((folder / name).exists() for name in (MARKER, CARD_FILE, IMAGES_FOLDER))
    if is_resumed:
        logger.info("%s: going on where a run stopped", folder)
    # A marker comes before anything goes: without one, the folder would seem to be somebody else's.
    write_json(folder / MARKER, identity if is_resumed or is_fresh else {})
    for name in (CARD_FILE, *JSONL_FILES.values(), ANNOTATIONS_FILE):
        (folder / name).unlink(missing_ok=True)
    if not is_resumed and not is_fresh:
        _remove_strays(folder, set())
        write_json(folder / MARKER, identity)
    return is_resumed


def _identity_in(folder: Path) -> Identity | None:
    """Return whose images a folder holds; a marker counts, as a run may have been killed after its card."""
    if (folder / MARKER).is_file():
        try:
            return dict(read_json(folder / MARKER)) or None
        except (UserError, TypeError, ValueError):
            return None
    try:
        return card_identity(load_card(folder))
    except UserError:
        return None


def finish(folder: Path, splits: dict[str, list[Taken]], card: Card) -> None:
    """Write the JSONL files, the annotations and the card, and clear what earlier runs left.

    Raises:
        UserError: a file cannot be written.
    """
    for split, taken in splits.items():
        with replacing(folder / JSONL_FILES[split]) as file:
            file.writelines(f"{line}\n".encode() for image in taken for line in image.lines)
    samples = [sample for image in splits["val"] for sample in image.samples]
    write_json(folder / ANNOTATIONS_FILE, coco_annotations(samples, card.categories))
    _remove_strays(folder, {image.image for taken in splits.values() for image in taken})
    os.sync()
    save_card(card, folder)
    (folder / MARKER).unlink(missing_ok=True)  # a run that found the card may have been quicker


def coco_annotations(samples: Sequence[Sample], categories: Sequence[Category]) -> dict[str, Any]:
    """Return samples as COCO ground truth: boxes as xywh in original pixels, ids from 1.

    Source of the format: the data format page of cocodataset.org. No annotation has the id 0, which
    pycocotools takes for "not matched".
    """
    category_ids = {category.name: category.id for category in categories}
    annotations = [
        {
            "image_id": sample.image_id,
            "category_id": category_ids[detection.label],
            "bbox": list(detection.box.xywh),
            "area": area,
            "iscrowd": is_crowd,
        }
        for sample in samples
        for is_crowd, detections, areas in (
            (0, sample.detections, sample.areas),
            (1, sample.crowds, sample.crowd_areas),
        )
        for detection, area in zip(detections, areas, strict=True)
    ]
    return {
        "images": [
            {
                "id": sample.image_id,
                "file_name": sample.image,
                "width": sample.size.width,
                "height": sample.size.height,
            }
            | ({} if sample.expression is None else {"asked": sample.expression, "negative": sample.negative})
            for sample in samples
        ],
        "annotations": [{"id": number, **row} for number, row in enumerate(annotations, start=1)],
        "categories": [{"id": category.id, "name": category.name} for category in categories],
    }


def _count_missing(folder: Path) -> int:
    """Count the files that a data set with a card ought to have and has not."""
    missing = sum(not (folder / name).is_file() for name in (*JSONL_FILES.values(), ANNOTATIONS_FILE))
    there = {f"{IMAGES_FOLDER}/{path.name}" for path in _files_in(folder / IMAGES_FOLDER)}
    for name in JSONL_FILES.values():
        if (folder / name).is_file():
            missing += sum(
                image not in there for _, row in read_jsonl(folder / name) for image in row["images"]
            )
    return missing


def _remove_strays(folder: Path, images: set[str]) -> None:
    """Remove the half-written files of killed runs, and images of ours that this data set has not."""
    for path in (*_files_in(folder), *_files_in(folder / IMAGES_FOLDER)):
        is_stray = path.parent.name == IMAGES_FOLDER and _OUR_IMAGE.fullmatch(path.name)
        if _LEFT_OVER.fullmatch(path.name) or (is_stray and f"{IMAGES_FOLDER}/{path.name}" not in images):
            path.unlink()


def _files_in(folder: Path) -> Iterable[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def _differences(there: Identity, here: Identity) -> str:
    """Name the settings that differ, with both values where these are short."""
    texts = []
    for key in sorted(there.keys() | here.keys()):
        first, second = there.get(key), here.get(key)
        if first != second:
            short = key != "source files" and len(f"{first}{second}") < 40
            texts.append(f"{key} {first} there, {second} here" if short else f"other {key}")
    return "; ".join(texts)
