"""Stamps of files and folders: two with the same stamp hold the same, as far as a step can tell."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from grounding.card import CARD_FILE
from grounding.layout import ALL_JSONL_FILES, ANNOTATIONS_FILES, PREDICTIONS_FILE, TOKEN_LENGTHS_FILE
from grounding.suites.suite_recipe import TABLE_JSON
from models.folder_files import CONFIG_FILE, LORA_CONFIG, fingerprint_model

WHOLE = 1 << 26
"""Bytes of a file that is hashed whole; of a larger one, the length and the first bytes are."""

LATER_FILES = (TOKEN_LENGTHS_FILE,)
"""Files that other commands leave in a folder."""


def stamp(place: Path) -> str | None:
    """Return the stamp of a file or folder, None where there is none.

    Of a data set, the card, records and annotations count; of a model, what its fingerprint is made of; of
    predictions and suites, the answers and the table. So what later steps add beside them does not matter. Of
    other folders, names and sizes of all files count. Times and places never do.
    """
    if place.is_file():
        return _hash_files([place], place.parent)
    if not place.is_dir():
        return None
    if (place / CARD_FILE).is_file():
        return _hash_files(_dataset_files(place), place)
    if (place / PREDICTIONS_FILE).is_file() or (place / TABLE_JSON).is_file():
        return _hash_files([place / PREDICTIONS_FILE, place / TABLE_JSON], place)
    if (place / CONFIG_FILE).is_file() or (place / LORA_CONFIG).is_file():
        return fingerprint_model(place, place if (place / LORA_CONFIG).is_file() else None, place)
    if cards := sorted(place.glob(f"*/{CARD_FILE}")):
        return _hash_files((file for card in cards for file in _dataset_files(card.parent)), place)
    return _hash_names(place)


def _dataset_files(folder: Path) -> list[Path]:
    names = (CARD_FILE, *ALL_JSONL_FILES.values(), *ANNOTATIONS_FILES.values())
    return [folder / name for name in names]


def _hash_files(files: Iterable[Path], folder: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        if file.is_file():
            size = file.stat().st_size
            digest.update(f"{file.relative_to(folder)}\0{size}\n".encode("utf-8", "surrogateescape"))
            with file.open("rb") as content:
                for _ in range(0, min(size, WHOLE), 1 << 20):
                    digest.update(content.read(1 << 20))
    return digest.hexdigest()


def _hash_names(folder: Path) -> str:
    lines = []
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in files:
            file = Path(root, name)
            if name not in LATER_FILES and not name.startswith(".") and file.is_file():
                lines.append(f"{file.relative_to(folder)}\0{file.stat().st_size}\n")
    return hashlib.sha256("".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
