"""The data set's folder: whose it is, what is written into it, and in which order.

    train.jsonl  val.jsonl  annotations_val.json  images/  card.json
    calibration.jsonl  annotations_calibration.json  (only with calibration.share)

The card is written last, so a folder with a card is complete. Until then, `.preparing.json` holds the
identity of the data set that is being written, so that an interrupted run can resume.
"""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from grounding.card import CARD_FILE, Card, load_card, save_card
from grounding.errors import UserError
from grounding.files import read_json, read_jsonl, replacing, write_json
from grounding.images.image_formats import EXTENSIONS
from grounding.layout import (
    ALL_JSONL_FILES,
    ANNOTATIONS_FILES,
    IMAGES_FOLDER,
    JSONL_FILES,
    TOKEN_LENGTHS_FILE,
)
from prepare.write.coco_annotations import coco_annotations
from prepare.write.data_set_identity import Identity, card_identity, describe_differences
from prepare.write.drawn_files import DRAWN_NAME
from prepare.write.extraction import PreparedSplit
from prepare.write.lock import LOCK_FILE

MARKER = ".preparing.json"

_OUR_IMAGE = re.compile(rf"\d{{12,}}\.({'|'.join(sorted(set(EXTENSIONS.values())))})|{DRAWN_NAME}")
_HALF_WRITTEN = re.compile(r"\..+\.\d+\.part")

logger = logging.getLogger(__name__)


def find_finished(folder: Path, card: Card, *, overwrite: bool) -> Card | None:
    """Return the finished card if the folder holds this very data set, complete; None if it must be prepared.

    Raises:
        UserError: the folder holds another data set, or files that are not a data set.
    """
    present = _list_entries(folder)
    if present and MARKER not in present and not {CARD_FILE, JSONL_FILES["train"]} <= set(present):
        raise UserError(
            f"output_dir: {folder} holds {', '.join(present[:3])}{', ...' if len(present) > 3 else ''} "
            "and is not a prepared data set: choose another output_dir"
        )
    if not present or overwrite:
        return None
    finished = load_card(folder) if CARD_FILE in present else None
    known = card_identity(finished) if finished else _identity_in(folder)
    if known is None:
        raise UserError(
            f"output_dir: {folder} was being replaced by another data set when a run stopped: "
            "choose another output_dir or overwrite=true"
        )
    if known != card_identity(card):
        differences = describe_differences(known, card_identity(card))
        raise UserError(
            f"output_dir: {folder} holds another data set ({differences}): "
            "choose another output_dir or overwrite=true"
        )
    if finished is None or _count_missing(folder, finished):
        return None
    (folder / MARKER).unlink(missing_ok=True)
    logger.info("%s: already prepared", folder)
    return finished


def begin_folder(folder: Path, card: Card) -> bool:
    """Mark the folder as being prepared, and remove the files of an earlier data set.

    Returns whether the images in it belong to this data set: an interrupted run has checked and written them.

    Raises:
        UserError: the folder cannot be written.
    """
    identity = card_identity(card)
    is_resumed = _identity_in(folder) == identity
    is_fresh = not any((folder / name).exists() for name in (MARKER, CARD_FILE, IMAGES_FOLDER))
    if is_resumed:
        logger.info("%s: resuming an interrupted run", folder)
    # The marker is written before anything is removed: without one, the folder would not look like ours.
    write_json(folder / MARKER, identity if is_resumed or is_fresh else {})
    written = (*ALL_JSONL_FILES.values(), *ANNOTATIONS_FILES.values())
    for name in (CARD_FILE, *written, TOKEN_LENGTHS_FILE):
        (folder / name).unlink(missing_ok=True)
    if not is_resumed and not is_fresh:
        _remove_strays(folder, set())
        write_json(folder / MARKER, identity)
    return is_resumed


def finish_folder(folder: Path, splits: Mapping[str, PreparedSplit], card: Card) -> None:
    """Write the JSONL files, the annotations and the card, and remove leftovers of earlier runs.

    Raises:
        UserError: a file cannot be written.
    """
    for split, prepared in splits.items():
        with replacing(folder / ALL_JSONL_FILES[split]) as file:
            file.writelines(f"{line}\n".encode() for image in prepared.images for line in image.lines)
        if split in ANNOTATIONS_FILES:
            samples = [sample for image in prepared.images for sample in image.samples]
            write_json(folder / ANNOTATIONS_FILES[split], coco_annotations(samples, card.categories))
    images = (image for prepared in splits.values() for image in prepared.images)
    _remove_strays(folder, {name for image in images for name in (image.image, *image.others, *image.drawn)})
    os.sync()
    save_card(card, folder)
    (folder / MARKER).unlink(missing_ok=True)  # another run that found the card may have removed it


def _list_entries(folder: Path) -> list[str]:
    """Return the names in the folder, without the lock and half-written files."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"output_dir: {folder} is a file: choose another output_dir")
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(name for name in names if name != LOCK_FILE and not _HALF_WRITTEN.fullmatch(name))


def _identity_in(folder: Path) -> Identity | None:
    """Return the identity of the data set whose images the folder holds.

    The marker decides, even beside a card: a run may have been killed just after it wrote its card.
    """
    if (folder / MARKER).is_file():
        try:
            return dict(read_json(folder / MARKER)) or None
        except (UserError, TypeError, ValueError):
            return None
    try:
        return card_identity(load_card(folder))
    except UserError:
        return None


def _count_missing(folder: Path, card: Card) -> int:
    """Count the files and records that lack a file which a data set with this card should have."""
    splits = {*JSONL_FILES, *card.counts} & ALL_JSONL_FILES.keys()
    names = [
        files[split] for files in (ALL_JSONL_FILES, ANNOTATIONS_FILES) for split in files if split in splits
    ]
    missing = sum(not (folder / name).is_file() for name in names)
    present = {f"{IMAGES_FOLDER}/{path.name}" for path in _files_in(folder / IMAGES_FOLDER)}
    for name in ALL_JSONL_FILES.values():
        if (folder / name).is_file():
            rows = (row.get("images") for _, row in read_jsonl(folder / name))
            missing += sum(not isinstance(images, list) or not present.issuperset(images) for images in rows)
    return missing


def _remove_strays(folder: Path, images: set[str]) -> None:
    """Remove half-written files of killed runs, and images of ours that are not in this data set."""
    for path in (*_files_in(folder), *_files_in(folder / IMAGES_FOLDER)):
        is_ours = path.parent.name == IMAGES_FOLDER and _OUR_IMAGE.fullmatch(path.name)
        if _HALF_WRITTEN.fullmatch(path.name) or (is_ours and f"{IMAGES_FOLDER}/{path.name}" not in images):
            path.unlink()


def _files_in(folder: Path) -> Iterable[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []
