"""The signs of YOLO: names files, and label files with a class and numbers on each line."""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from grounding.errors import UserError
from prepare.sources.parts.names_file import (
    LISTS_OF_NAMES,
    YAML_SUFFIXES,
    find_names_file,
    read_names_file,
    read_places,
)
from prepare.sources.signs.folder_listing import FolderListing, folder_of
from prepare.sources.signs.sign import Sign, files_with

_LINE = re.compile(r"\d+(?:\s+-?\d*\.?\d+(?:[eE][-+]?\d+)?){4,}")

SPLITS = ("train", "val", "test")

MOST_LISTS = 100
"""Lists of names that are looked into."""


def yolo_signs(listing: FolderListing) -> Iterator[Sign]:
    """Yield YOLO for each names file, and for label files where there is none."""
    labels = [name for name in listing.sample(".txt") if _has_labels(listing, name)]
    described = files_with(labels, "lines of a class and a box") if labels else ""
    found: list[str] = []
    for name in listing.sample(*YAML_SUFFIXES):
        content = _names_in(listing, name)
        if content:
            found.append(name)
            evidence = f"{name} has names and {content}" + (f"; {described}" if described else "")
            yield _sign(name, evidence, labels, listing)
    covered = {folder_of(name) for name in found}
    lists = [name for last in LISTS_OF_NAMES for name in listing.files if PurePosixPath(name).name == last]
    for name in lists[:MOST_LISTS]:
        folder = folder_of(name)
        below = [label for label in labels if label.startswith(f"{folder}/".removeprefix("/"))]
        if folder not in covered and below:
            covered.add(folder)
            found.append(name)
            described = files_with(below, "lines of a class and a box")
            yield _sign(name, f"{name} lists names; {described}", below, listing)
    if labels and not found:
        yield Sign("yolo", f"{described}, but no file names the classes", frozenset(labels))


def _has_labels(listing: FolderListing, name: str) -> bool:
    lines = listing.lines(name)
    return bool(lines) and all(map(_LINE.fullmatch, lines))


def _names_in(listing: FolderListing, name: str) -> str:
    """Return which keys of a data set a YAML file has beside names, "" if it is no names file."""
    try:
        content = read_names_file(listing.folder / name)
    except UserError:
        return ""
    keys = [key for key in ("train", "val", "kpt_shape") if key in content]
    return ", ".join(keys) if "names" in content and keys else ""


def _sign(name: str, evidence: str, labels: list[str], listing: FolderListing) -> Sign:
    folder = listing.folder
    try:
        place = "" if find_names_file(folder) == folder / name else name
    except UserError:
        place = name
    keys: dict[str, bool] = {}
    notes: tuple[str, ...] = ()
    if _is_spread(folder / name, listing):
        keys = {"source.outside": True}
        notes = (f"{name} names folders beside its own, all below {folder}: source.outside=true",)
    return Sign("yolo", evidence, frozenset({name, *labels}), place, keys, notes)


def _is_spread(names_file: Path, listing: FolderListing) -> bool:
    """Tell whether a names file names folders outside its own one that lie inside the folder looked into.

    With links that leave the folder, or files that were not listed, nothing is allowed beyond the usual.
    """
    own = os.path.realpath(names_file.parent)
    root = os.path.realpath(listing.folder)
    if own == root or listing.leaving or not listing.is_complete:
        return False
    content = read_names_file(names_file)
    try:
        bases = [*(Path(own) / place for place in read_places(content, "path", names_file)), Path(own)]
        stated = [read_places(content, split, names_file) for split in SPLITS]
    except UserError:
        return False
    real: list[str] = []
    for place in (place for places in stated for place in places):
        spellings = (place, place.removeprefix("../"))  # the source tries both, too
        there = {os.path.realpath(base / spelled) for base in bases for spelled in spellings}
        found = [path for path in there if Path(path).exists()]
        if not found or not all(_is_below(path, root) and Path(path).is_dir() for path in found):
            return False  # lists can name any file
        real += found
    return not all(_is_below(path, own) for path in real)


def _is_below(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder
