"""Finds the files that a recipe names, in a folder or in a data set repository on a hub."""

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from grounding.errors import UserError
from grounding.files import find_outside
from prepare.sources.source_settings import NO_FILES, SourceSettings

SHARD = re.compile(r"^(?P<stem>.+)-\d+-of-(?P<count>\d+)(?P<rest>.*)$")
"""The name of a file that is one of a numbered set."""

logger = logging.getLogger(__name__)


def source_folder(source: SourceSettings, patterns: Sequence[str]) -> Path:
    """Return the source's folder; for a hub, the matching files are downloaded first.

    Raises:
        UserError: no such folder, or no hub.
    """
    if source.resolved_hub == "local":
        folder = Path(str(source.path)).expanduser()
    else:
        from prepare.sources.shared.hub import download

        folder = download(source.resolved_hub, source.resolved_repo, patterns)
    if not folder.exists():
        raise UserError(f"source.path: {folder}: no such folder")
    return folder


def check_outside(source: SourceSettings, folder: Path, paths: Iterable[Path]) -> frozenset[Path]:
    """Return the files that lie outside the source's folder, which only source.outside=true allows.

    Raises:
        UserError: there are some, and the recipe does not allow them.
    """
    root = folder if folder.is_dir() else folder.parent
    if source.resolved_hub == "huggingface" and root.parent.name == "snapshots":
        root = root.parent.parent  # its cache links the files of a snapshot to blobs/ beside snapshots/
    found = list(dict.fromkeys(find_outside(paths, root)))
    if found and not source.outside:
        more = f", as do {len(found) - 1} more files" if len(found) > 1 else ""
        raise UserError(
            f"{found[0]}: lies outside source.path, {folder}{more}: set source.outside=true if this source "
            "may read such files"
        )
    return frozenset(found)


def find_splits(
    source: SourceSettings,
    folder: Path,
    train_pattern: str,
    val_pattern: str,
    is_val: Callable[[Path], bool] | None = None,
) -> dict[str, tuple[Path, ...]]:
    """Return the annotation files of both splits, in the order of their names; a val file is never train.

    With `is_val`, only files for which it is true validate; others that match are for training.

    Raises:
        UserError: no folder, no training files, files outside the folder, or a numbered set with missing
            files.
    """
    if not folder.is_dir():
        raise UserError(f"source.path: {folder}: no folder")
    has_train = train_pattern != NO_FILES
    train = find_files(folder, train_pattern) if has_train else ()
    val = find_files(folder, val_pattern)
    val = tuple(path for path in val if is_val is None or is_val(path))
    train = tuple(path for path in train if path not in val)
    if not train and (has_train or not val):
        key, pattern = ("train_files", train_pattern) if has_train else ("val_files", val_pattern)
        raise UserError(f"source.{key}: no file in {folder} matches '{pattern}'; {list_files(folder)}")
    if not val:
        logger.info("no file matches source.val_files: train and val are both cut from source.train_files")
    check_outside(source, folder, (*train, *val))
    for pattern, paths in ((train_pattern, train), (val_pattern, val)):
        _check_complete(pattern, paths)
    return {"train": train, "val": val}


def find_files(folder: Path, pattern: str) -> tuple[Path, ...]:
    """Return the matching files, sorted by name, then by path, so that the folders above do not matter.

    Raises:
        UserError: not a pattern.
    """
    try:
        found = [path for path in folder.glob(pattern) if path.is_file()]
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"'{pattern}': not a pattern for files in {folder}: {error}") from error
    return tuple(sorted(found, key=lambda path: (path.name, path.relative_to(folder).as_posix())))


def list_files(folder: Path) -> str:
    """Say how many files a folder holds, and name the first few."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    if not names:
        return "the folder is empty"
    return f"there are {len(names)} files: {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_complete(pattern: str, paths: Sequence[Path]) -> None:
    """Refuse a numbered set (-00000-of-00040) with gaps, unless the pattern itself selects numbers."""
    if re.search(r"\d|\[", pattern):
        return
    sets: dict[tuple[str, int], int] = {}
    for path in paths:
        if found := SHARD.match(path.name):
            key = f"{path.parent}/{found['stem']}", int(found["count"])
            sets[key] = sets.get(key, 0) + 1
    for (stem, expected), there in sorted(sets.items()):
        if there < expected:
            raise UserError(
                f"{stem}-*: {there} of {expected} files are there: fetch the others, or write a pattern "
                f"that picks files by number, such as '{pattern.replace('*.', '0000[0-4]*.')}'"
            )
