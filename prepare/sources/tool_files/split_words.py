"""The annotation files of each split where the words in their paths tell: train, val, valid, validation."""

from collections.abc import Callable, Sequence
from pathlib import Path

from grounding.errors import UserError
from prepare.reasons import FILE_IN_NO_SPLIT
from prepare.source_types import Lost
from prepare.sources.shared.file_patterns import check_outside, find_splits, list_files
from prepare.sources.source_settings import SourceSettings
from prepare.split_of_name import split_of

Losses = tuple[tuple[str, Lost], ...]


def divide_names(names: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the names for training, for validation, and those of neither, as the words in them tell."""
    splits = {name: split_of(name) for name in names}
    train = [name for name in names if splits[name] == "train"]
    val = [name for name in names if splits[name] == "val"]
    others = [name for name in names if splits[name] not in ("train", "val")]
    if train and not {"val", "test"} & set(splits.values()):
        return list(names), [], []
    if not train:
        return (others, val, []) if others else (val, [], [])
    return train, val, others


def find_split_files(
    source: SourceSettings,
    folder: Path,
    pattern: str,
    is_wanted: Callable[[Path], bool] = lambda path: True,
) -> tuple[dict[str, tuple[Path, ...]], Losses]:
    """Return the files of both splits in the order of their paths, and those that are in neither.

    source.train_files replaces `pattern`; with source.val_files, the two patterns decide. Otherwise words in
    the paths do: where some name train and others val or test, all that name neither train nor val are
    counted and left out. Where only train is named it can be anything, such as the name of a category.

    Raises:
        UserError: no folder, no file for training, or files outside the folder.
    """
    if source.val_files:
        return find_splits(source, folder, source.train_files or pattern, source.val_files), ()
    if not folder.is_dir():
        raise UserError(f"source.path: {folder}: no folder")
    found = _find(folder, source.train_files or pattern)
    found = found if source.train_files else [path for path in found if is_wanted(path)]
    check_outside(source, folder, found)
    names = {path.relative_to(folder).as_posix(): path for path in found}
    train, val, others = ([names[name] for name in part] for part in divide_names(list(names)))
    if not train:
        raise UserError(
            f"source.train_files: no file in {folder} is '{source.train_files or pattern}' of "
            f"source.kind={source.kind}; {list_files(folder)}"
        )
    lost = (("train", Lost(FILE_IN_NO_SPLIT, len(others), str(others[0]))),) if others else ()
    return {"train": tuple(train), "val": tuple(val)}, lost


def _find(folder: Path, pattern: str) -> list[Path]:
    """Return what matches, without folders and hidden files (._*, .ipynb_checkpoints).

    A pipe is refused when it is read.
    """
    try:
        found = [path for path in folder.glob(pattern) if not path.is_dir() and not _is_hidden(path, folder)]
    except (ValueError, NotImplementedError) as error:
        raise UserError(f"'{pattern}': not a pattern for files in {folder}: {error}") from error
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
