"""The file beside a data set that keeps its records' lengths in tokens, for the next start of a run.

A length is found again by the record's content, by name, bytes and time of change of its images, and by all
settings that decide it. What has changed is not found, and measured anew.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import write_text
from models.folder_files import TABLE_BYTES, read_object
from train.lengths.image_outlines import REMOTE

FORMAT = 1
"""Counts up when lengths are measured in another way."""

MOST_SETTINGS = 8
"""For so many different settings a file keeps lengths; the oldest are left out."""

MOST_TOKENS = 2**31

Lengths = dict[str, int]
"""Lengths in tokens, without any limit, by the record's key; 0 is a record that the run drops."""


def record_key(example: Mapping[str, Any], folder: Path) -> str | None:
    """Return what a record's length is found by; None if it has images that are not on this disk.

    An image's name is relative to `folder`, so that a data set can be moved.
    """
    images = example.get("images") or ()
    if any(image.startswith(REMOTE) for image in images):
        return None
    text = {name: value for name, value in example.items() if name != "images"}
    return _digest([text, [_image_stamp(image, folder) for image in images]])


def _image_stamp(image: str, folder: Path) -> tuple[str, int, int]:
    status = os.stat(image)  # noqa: PTH116 (a Path would double the time)
    return os.path.relpath(image, folder), status.st_size, status.st_mtime_ns


def settings_key(dataset: Any, files: str) -> str | None:
    """Return what stands for all that decides the lengths of a data set of PaddleFormers, None if not known.

    That is the tokenizer with its added tokens, the template, the limits of the images, the versions of
    PaddleFormers and of our measuring. `files` names the data, so that each list of files has lengths of
    its own.
    """
    import paddleformers

    tokenizer = getattr(dataset.tokenizer, "backend_tokenizer", None)
    if tokenizer is None:
        return None
    processor, images = dataset.processor, dataset.processor.image_processor
    return _digest(
        [
            *(FORMAT, paddleformers.__version__, files, tokenizer.to_str(), repr(dataset.template)),
            *(dataset.efficient_eos, dataset.auto_add_bos, dataset.sep_token_len),
            *(processor.image_max_pixels, processor.image_min_pixels),
            *(type(images).__name__, images.size, images.patch_size, images.merge_size),
        ]
    )


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def read_lengths(path: Path, settings: str) -> Lengths:
    """Return the lengths that were kept for these settings, empty if there are none.

    Raises:
        UserError: the file is none of ours.
    """
    found = _read_all(path).get(settings, {})
    if not all(type(length) is int and 0 <= length < MOST_TOKENS for length in found.values()):
        raise UserError(f"{path}: not lengths in tokens: remove it")
    return found


def write_lengths(path: Path, settings: str, lengths: Lengths) -> None:
    """Keep lengths for these settings beside those of others; the file is complete or as it was.

    Raises:
        UserError: the folder cannot be written.
    """
    try:
        kept = {name: others for name, others in _read_all(path).items() if name != settings}
    except UserError:
        kept = {}  # a file that nobody can use is replaced
    newest = list(kept.items())[-(MOST_SETTINGS - 1) :]
    content = {"format": FORMAT, "lengths": {**dict(newest), settings: lengths}}
    write_text(path, json.dumps(content, separators=(",", ":")) + "\n")


def _read_all(path: Path) -> dict[str, Lengths]:
    """Return all lengths by their settings; those of another format are left out.

    Raises:
        UserError: the file is none of ours.
    """
    if not path.exists():
        return {}
    content = read_object(path, TABLE_BYTES)
    if content.get("format") != FORMAT:
        return {}
    lengths = content.get("lengths")
    if not isinstance(lengths, dict) or not all(isinstance(each, dict) for each in lengths.values()):
        raise UserError(f"{path}: not lengths in tokens: remove it")
    return lengths
