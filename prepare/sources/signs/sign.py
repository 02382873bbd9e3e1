"""What the files of a folder say about its kind, and the recipe keys that follow from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape as glob_escape
from pathlib import PurePosixPath
from typing import Any

from prepare.sources.shared.file_patterns import SHARD
from prepare.sources.signs.folder_listing import FolderListing, folder_of
from prepare.sources.tool_files.split_words import divide_names


@dataclass(frozen=True)
class Sign:
    """A kind that fits: the evidence in words, the annotation files that it explains, and its `source` keys.

    `place` is what source.path names, relative to the folder. `keys` are keys of the recipe, such as
    source.train_files. `notes` are said beside the evidence.
    """

    kind: str
    evidence: str
    files: frozenset[str]
    place: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def files_with(names: Sequence[str], what: str) -> str:
    """Say that some files have something, for evidence; files beyond those looked into are not counted."""
    if len(names) == 1:
        return f"{names[0]} has {what}"
    return f"{names[0]} and {len(names) - 1:,} more looked at have {what}"


def pattern_of(names: Sequence[str], others: Sequence[str]) -> str | None:
    """Return a pattern that fits these files and none of the others; None if no simple one does."""
    first = PurePosixPath(names[0])
    wanted = set(names)
    numbered = SHARD.match(first.name)
    if len(wanted) == 1 and not numbered:
        return glob_escape(names[0])
    tried: list[tuple[str, Callable[[str], bool]]] = []
    if numbered:
        stem = f"{numbered['stem']}-"
        tried.append(
            (
                f"**/{glob_escape(stem)}*{first.suffix}",
                lambda name: PurePosixPath(name).name.startswith(stem) and name.endswith(first.suffix),
            )
        )
    tried += [
        (f"**/{glob_escape(first.name)}", lambda name: PurePosixPath(name).name == first.name),
        (
            f"{glob_escape(folder_of(names[0]))}/*{first.suffix}".removeprefix("/"),
            lambda name: folder_of(name) == folder_of(names[0]) and name.endswith(first.suffix),
        ),
        (f"**/*{first.suffix}", lambda name: name.endswith(first.suffix)),
    ]
    every = wanted | set(others)
    return next((text for text, fits in tried if {name for name in every if fits(name)} == wanted), None)


def split_signs(sign: Sign, names: Sequence[str], listing: FolderListing, *suffixes: str) -> list[Sign]:
    """Return a sign with the files of each split, told by words in their paths; one a file if none tells.

    Files of neither split, where some name train, are left out, and a note says so.
    """
    every = listing.with_suffix(*suffixes)
    train, val, others = divide_names(names)
    patterns = {"source.train_files": pattern_of(train, every)}
    if val:
        patterns["source.val_files"] = pattern_of(val, every)
    if None in patterns.values():
        return [
            Sign(sign.kind, sign.evidence, frozenset({name}), sign.place, {"source.train_files": name})
            for name in names
        ]
    notes = (f"{', '.join(others[:3])}: in neither train nor val, left out",) if others else ()
    return [
        Sign(
            sign.kind,
            sign.evidence,
            frozenset(names),
            sign.place,
            {**sign.keys, **patterns},
            (*sign.notes, *notes),
        )
    ]


def only_these(names: Sequence[str], listing: FolderListing, *suffixes: str) -> dict[str, str]:
    """Return source.train_files if other files of the suffixes are there that the kind could not read."""
    every = [name for name in listing.with_suffix(*suffixes) if not name.rpartition("/")[2].startswith(".")]
    if set(names) == set(every):
        return {}
    pattern = pattern_of(names, every)
    return {"source.train_files": pattern} if pattern else {}
