"""The signs of files with a row about an image on each line, or in each item of a list."""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from prepare.sources.signs.folder_listing import FolderListing, folder_of
from prepare.sources.signs.sign import Sign, files_with, split_signs

SUFFIXES = (".jsonl", ".json")


def row_signs(
    kind: str, listing: FolderListing, is_row: Callable[[dict[str, Any]], bool], what: str
) -> Iterator[Sign]:
    """Yield a sign for the files whose first rows fit; JSON arrays count only where no lines do."""
    for suffix in SUFFIXES:
        found = [name for name in listing.sample(suffix) if any(is_row(row) for row in listing.rows(name))]
        if found:
            sign = Sign(kind, files_with(found, what), frozenset(found), keys=_images(found[0], listing))
            yield from split_signs(sign, found, listing, suffix)
            return


def _images(name: str, listing: FolderListing) -> dict[str, str]:
    """Return source.images if the images are not where the rows' names lead from the file's own folder."""
    for row in listing.rows(name):
        stated = row.get("image", row.get("images"))
        stated = stated[0] if isinstance(stated, list) and stated else stated
        if not isinstance(stated, str) or not stated:
            continue
        path = PurePosixPath(stated.replace("\\", "/")).as_posix()
        beside = f"{folder_of(name)}/{path}".removeprefix("/")
        if beside in listing.known or path.startswith("/"):
            return {}
        ends = [each for each in listing.images if each == path or each.endswith(f"/{path}")]
        if len(ends) == 1:
            return {"source.images": ends[0].removesuffix(path).rstrip("/") or "."}
    return {}
