"""The sets under `grounding_keep` in a train recipe, which must not get worse."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.keep.keep_record import DATASET, PROMPTS, KeptSet
from grounding.layout import ANNOTATIONS_FILE, JSONL_FILES
from grounding.recipe.schema import suggestion

KEY = "grounding_keep"
ENTRY_KEYS = ("path", "name", "samples")

DEFAULT_SAMPLES = 64
"""Questions or prompts of a set that are asked at each evaluation, unless its entry says otherwise."""

NAME = re.compile(r"[\w][\w.-]*")
"""The name of a set is a folder's, and a part of the names of curves."""

RESERVED = ("base",)
"""Names of folders beside those of the sets."""


@dataclass(frozen=True)
class KeepEntry:
    """A set: its name, its data set's folder or file of prompts, and how many of it are asked."""

    name: str
    path: Path
    samples: int = DEFAULT_SAMPLES

    @property
    def prompts_file(self) -> Path | None:
        """The file of general prompts, None for a data set that is scored by its annotations.

        A folder without annotations is what `prepare.replay` writes: its val.jsonl is the file.
        """
        if self.path.suffix == ".jsonl":
            return self.path
        return None if (self.path / ANNOTATIONS_FILE).is_file() else self.path / JSONL_FILES["val"]

    @property
    def recorded(self) -> KeptSet:
        """The set as the run records it."""
        return KeptSet(self.name, DATASET if self.prompts_file is None else PROMPTS, str(self.path))


def read_keep_entries(given: Any) -> tuple[KeepEntry, ...]:
    """Read the value of the key in a recipe; None, or an empty list, measures nothing.

    Raises:
        ValueError: no list, an entry that is none, or a name that is taken or cannot be one.
    """
    if given is None:
        return ()
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ValueError(f"{KEY}: {given!r} is no list: write [data/old, data/replay/val.jsonl]")
    entries = tuple(_read_entry(item) for item in given)
    places: dict[str, Path] = {}
    for entry in entries:
        if entry.name in places:
            raise ValueError(
                f"{KEY}: {places[entry.name]} and {entry.path} both have the name '{entry.name}': write "
                f"{{path: {entry.path}, name: ANOTHER}}"
            )
        places[entry.name] = entry.path
    return entries


def _read_entry(item: Any) -> KeepEntry:
    values = {"path": item} if isinstance(item, str) else item
    if not isinstance(values, Mapping) or not isinstance(values.get("path"), str) or not values["path"]:
        raise ValueError(f"{KEY}: {item!r}: write a path, or {{path: data/old, name: old, samples: 64}}")
    for key in values:
        if key not in ENTRY_KEYS:
            raise ValueError(f"{KEY}: unknown key '{key}'{suggestion(str(key), ENTRY_KEYS)}")
    path = Path(values["path"])
    name = values.get("name", _usual_name(path))
    if not isinstance(name, str) or not NAME.fullmatch(name) or name in RESERVED:
        raise ValueError(
            f"{KEY}: {path}: '{name}' cannot be a set's name: write name: of letters, digits, _ and -"
        )
    samples = values.get("samples", DEFAULT_SAMPLES)
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise ValueError(f"{KEY}: {path}: samples: {samples!r} must be a number from 1 on")
    return KeepEntry(name, path, samples)


def _usual_name(path: Path) -> str:
    """Return the name of a data set's folder, or of a file; train and val are no names of their own."""
    if path.suffix == ".jsonl" and path.name not in JSONL_FILES.values():
        return path.stem
    return (path.parent if path.suffix == ".jsonl" else path).resolve().name
