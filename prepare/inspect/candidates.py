"""The kinds that fit a folder, each with its evidence."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from grounding.errors import UserError
from prepare.sources.record_parts.canonical_row import as_messages
from prepare.sources.signs.folder_listing import FolderListing
from prepare.sources.signs.sign import Sign
from prepare.sources.source_settings import known_kinds

SHOWN_SUFFIXES = 5
SHOWN_SIGNS = 6


def find_candidates(listing: FolderListing) -> list[Sign]:
    """Return the signs of every kind, without those that another one explains with more files.

    RefCOCO's instances.json, for instance, is COCO JSON as well, but belongs to the file of expressions.
    """
    signs = [
        sign
        for kind in known_kinds()
        for sign in import_module(f"prepare.sources.formats.{kind}").find_signs(listing)
    ]
    return [sign for sign in signs if not any(sign.files < other.files for other in signs)]


def choose_candidate(signs: list[Sign], given: Mapping[str, Any], listing: FolderListing) -> Sign:
    """Return the only sign that agrees with the keys that the user gave.

    Raises:
        UserError: none does, or several.
    """
    folder = listing.folder
    fitting = [sign for sign in signs if _agrees(sign, given, listing)]
    if len(fitting) == 1:
        return fitting[0]
    if not signs:
        found = describe_prompts(listing) or describe_files(listing)
        raise UserError(f"{folder}: no annotations that are known; {found}")
    shown = [describe_sign(sign, listing) for sign in (fitting or signs)[:SHOWN_SIGNS]]
    more = len(fitting or signs) - len(shown)
    lines = "; ".join([*shown, *([f"and {more} more"] if more else [])])
    if not fitting:
        raise UserError(f"{folder}: nothing in it agrees with {_show(given)}; it holds {lines}")
    raise UserError(
        f"{folder}: {len(fitting)} data sets fit, nothing was written: {lines}. Name one of them: add "
        "its keys to the command, or move it to a folder of its own"
    )


def settings_of(sign: Sign, listing: FolderListing) -> dict[str, Any]:
    """Return the `source` keys of a sign, dotted."""
    path = listing.folder / sign.place if sign.place else listing.folder
    return {"source.kind": sign.kind, "source.path": str(path), **sign.keys}


def describe_sign(sign: Sign, listing: FolderListing) -> str:
    """Return the keys of a sign and its evidence in a line."""
    keys = settings_of(sign, listing)
    if not sign.place:
        del keys["source.path"]
    keys.pop("categories", None)
    return f"{_show(keys)} ({sign.evidence})"


def describe_prompts(listing: FolderListing) -> str:
    """Say what can be done with a folder of prompts: conversations without images, or text files alone."""
    talks = [name for name in listing.sample(".jsonl", ".json") if _holds_conversations(listing, name)]
    texts = listing.with_suffix(".txt")
    if not talks and (not texts or len(texts) < len(listing.files)):
        return ""
    name = (talks or texts)[0]
    what = "conversations without images" if talks else "lines of text, as all files do"
    return (
        f"{name} holds {what}. To train on prompts, so that a model keeps what it knows, let it answer them: "
        f"python -m prepare.replay CHECKPOINT {listing.folder / name}"
    )


def _holds_conversations(listing: FolderListing, name: str) -> bool:
    return any("messages" in as_messages(row) for row in listing.rows(name))


def describe_files(listing: FolderListing) -> str:
    """Say what a folder without annotations holds."""
    if not listing.files and not listing.special and not listing.leaving:
        return "it is empty"
    found = sorted(listing.by_suffix.items(), key=lambda item: (-len(item[1]), item[0]))
    parts = [f"{len(names):,} {suffix or 'without suffix'}" for suffix, names in found[:SHOWN_SUFFIXES]]
    counts = f"{len(listing.files):,} files ({', '.join(parts)})" if parts else "no regular files"
    text = f"there are {counts}, of which {len(listing.images):,} are images"
    if listing.leaving:
        text += f"; {len(listing.leaving):,} links leave the folder and were not followed"
    if listing.special:
        text += f"; {len(listing.special):,} are pipes or devices"
    return f"{text}. Known are {', '.join(known_kinds())}: is this the folder above the annotations?"


def _agrees(sign: Sign, given: Mapping[str, Any], listing: FolderListing) -> bool:
    keys = settings_of(sign, listing)
    telling = ("source.kind", "source.path", "source.train_files")
    return all(str(keys.get(key, given[key])) == str(given[key]) for key in telling if key in given)


def _show(keys: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in keys.items())
