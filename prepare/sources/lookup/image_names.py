r"""The image files that annotations name, whatever machine and tool wrote the names.

A name is looked up as it is, with `\` as `/`, and percent-decoded. Then letter case and the normal form of
accents may differ, and folders may be missing in front of it, or be those of another machine. A name that
fits two files is refused: the picture would be a guess.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from grounding.errors import UserError
from grounding.files import is_regular
from prepare.sources.shared.listed import find_images

Check = Callable[[Iterable[Path]], object]
"""Raises UserError where the recipe allows no files."""

MORE_OF_THE_PATH = (
    "write enough of the path to tell them apart, or set source.images to the folder that is meant"
)

LOOKED_AT = 100
"""Names of a file that are tried to find the folder to which its names are relative."""


def resolve_names(
    names: Sequence[str], places: Sequence[Path], folder: Path, where: str, check: Check
) -> list[Path]:
    """Return the image file of every name; of a name without a file, the path where it should be.

    `places` are the folders to which the names may be relative, the likeliest first; the first one with one
    of the first images counts for all names. `folder` is the source's folder, in which the others are looked
    up. `where` names the annotation file.

    Raises:
        UserError: a name fits two files, two names fit one, no name fits any, or one is no file's.
    """
    for name in names:
        if not spellings(name)[-1].strip("/. "):
            raise UserError(f"{where}: '{name}' is not the path of an image file")
    files = ImageFiles(folder, check)
    place = next(
        (place for name in names[:LOOKED_AT] for place in places if _in_place(place, name) is not None), None
    )
    if place is not None:
        return [_in_place(place, name) or files.find(name, where) or place / name for name in names]
    found = [files.find(name, where) or files.find_by_end(name, where) for name in names]
    if not any(found):
        tried = ", ".join(dict.fromkeys(str(place) for place in places[:4]))
        raise UserError(
            f"{where}: none of its images is in {tried}, ...: "
            "set source.images to their folder, relative to source.path"
        )
    _check_one_name_each(names, found, where)
    return [path or places[0] / name for name, path in zip(names, found, strict=True)]


class ImageFiles:
    """The image files below a folder, by the ends of their paths; listed when the first one is asked for."""

    def __init__(self, folder: Path, check: Check) -> None:
        """Remember the folder."""
        self._folder, self._check = folder, check
        self._by_last_part: dict[str, list[tuple[tuple[str, ...], Path]]] | None = None

    def find(self, name: str, where: str) -> Path | None:
        """Return the file whose path ends with the whole name.

        Raises:
            UserError: several files' paths do.
        """
        for parts in _spelled_parts(name):
            fitting = [path for found, path in self._candidates(parts) if found[-len(parts) :] == parts]
            if fitting:
                return the_only(fitting, name, where, MORE_OF_THE_PATH)
        return None

    def find_by_end(self, name: str, where: str) -> Path | None:
        """Return the file with the longest end in common with the name, at least the file name itself.

        Raises:
            UserError: several files have equally long ends in common with it.
        """
        for parts in _spelled_parts(name):
            candidates = self._candidates(parts)
            if candidates:
                longest = max(_common_end(found, parts) for found, _ in candidates)
                best = [path for found, path in candidates if _common_end(found, parts) == longest]
                return the_only(best, name, where, MORE_OF_THE_PATH)
        return None

    def _candidates(self, parts: tuple[str, ...]) -> list[tuple[tuple[str, ...], Path]]:
        if self._by_last_part is None:
            self._by_last_part = defaultdict(list)
            for path in find_images(self._folder, self._check):
                found = _folded(path.relative_to(self._folder).as_posix())
                self._by_last_part[found[-1]].append((found, path))
        return self._by_last_part.get(parts[-1], []) if parts else []


def spellings(name: str) -> list[str]:
    r"""Return a name as it is, with `\` as `/`, and percent-decoded; each spelling once."""
    slashes = name.replace("\\", "/")
    return list(dict.fromkeys([name, slashes, unquote(slashes)]))


def _in_place(place: Path, name: str) -> Path | None:
    return next((place / spelling for spelling in spellings(name) if is_regular(place / spelling)), None)


def _spelled_parts(name: str) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(_folded(spelling) for spelling in spellings(name)[1:] or [name]))


def _folded(path: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFC", path).casefold()
    return tuple(part for part in text.split("/") if part not in ("", "."))


def _common_end(first: Sequence[str], second: Sequence[str]) -> int:
    pairs = zip(reversed(first), reversed(second), strict=False)
    return next(
        (count for count, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second))
    )


def the_only(paths: Sequence[Path], name: str, where: str, remedy: str) -> Path:
    """Return the file that a name stands for.

    Raises:
        UserError: there are several; the message ends with the remedy.
    """
    if len(paths) > 1:
        raise UserError(f"{where}: '{name}' can be {paths[0]} or {paths[1]}: {remedy}")
    return paths[0]


def _check_one_name_each(names: Sequence[str], found: Sequence[Path | None], where: str) -> None:
    seen: dict[Path, str] = {}
    for name, path in zip(names, found, strict=True):
        if path is not None and seen.setdefault(path, name) != name:
            raise UserError(
                f"{where}: '{seen[path]}' and '{name}' both fit {path}: set source.images to the folder to "
                "which the names are relative"
            )
