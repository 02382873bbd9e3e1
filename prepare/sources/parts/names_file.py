"""YOLO's names file: YAML from strangers, bounded before a reader expands it, and the types of its keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from grounding.categories import Category, number_categories
from grounding.errors import UserError
from grounding.files import is_regular
from prepare.sources.lookup.text_encoding import decode_text
from prepare.sources.shared.source_values import BadValueError, read_label

LARGEST_FILE = 1 << 20
"""Bytes: the names of 30,000 categories."""

YAML_SUFFIXES = (".yaml", ".yml")

MOST_LEVELS = 8
"""Levels of lists and mappings; a names file has two."""


LISTS_OF_NAMES = ("classes.txt", "obj.names", "labels.txt")
"""Names files of Label Studio, CVAT and others: one name a line, no folders."""

USUAL_PLACES = {
    "train": ("images/train", "train/images", "train.txt", "obj_train_data", "images", "train", "."),
    "val": (
        "images/val",
        "images/valid",
        "val/images",
        "valid/images",
        "val.txt",
        "valid.txt",
        "obj_valid_data",
    ),
}
"""Where the images of a split are if the names file does not say; the first that exists counts."""


class _TextLoader(yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader):  # type: ignore[misc]
    """Reads every value as the text that is written: `no`, `off` and `007` are names of categories."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """Read a mapping.

        Raises:
            YAMLError: a key is there twice.
        """
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: {key.value} is there twice")
            seen.add(key.value if isinstance(key.value, str) else id(key))
        return super().construct_mapping(node, deep)


def read_names_file(path: Path) -> dict[str, Any]:
    """Read a names file: YAML in which every value is a text, or one name a line.

    YAML aliases are refused, as a few of them can stand for gigabytes. For a list of names, `train` and `val`
    are the usual places beside it.

    Raises:
        UserError: no such file, not YAML, not a mapping, too large or too deep, or with aliases.
    """
    if not is_regular(path):
        raise UserError(f"{path}: no such file, or not a regular one")
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise UserError(f"{path}: larger than {LARGEST_FILE:,} bytes")
        text = decode_text(content)
        if path.suffix.lower() not in YAML_SUFFIXES:
            return {
                "names": [line.strip() for line in text.splitlines() if line.strip()],
                **_places(path.parent),
            }
        if problem := _find_problem(text):
            raise UserError(f"{path}: {problem}")
        found = yaml.load(text, Loader=_TextLoader)
    except (yaml.YAMLError, OSError, ValueError) as error:
        raise UserError(f"{path}: not readable: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: a list of `key: value` lines is needed")
    return found


def _places(folder: Path) -> dict[str, str]:
    return {
        split: next(place for place in places if (folder / place).exists())
        for split, places in USUAL_PLACES.items()
        if any((folder / place).exists() for place in places)
    }


def find_names_file(path: Path) -> Path:
    """Return the names file: the path itself, data.yaml there, the only YAML file there, or a list of names.

    Raises:
        UserError: there is none, or there are several.
    """
    if path.is_file():
        return path
    if (path / "data.yaml").is_file():
        return path / "data.yaml"
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    found = found or [path / name for name in LISTS_OF_NAMES if (path / name).is_file()][:1]
    if len(found) != 1:
        raise UserError(
            f"source.path: {path} has {len(found) or 'no'} YAML files with names, and no "
            f"{' or '.join(LISTS_OF_NAMES)}: put one data.yaml there, or write its path as source.path"
        )
    return found[0]


def read_key_points(content: Mapping[str, Any], names_file: Path) -> int:
    """Return how many numbers of key points follow a box: the product of kpt_shape, 0 without it.

    Raises:
        UserError: kpt_shape is not two positive whole numbers.
    """
    shape = content.get("kpt_shape")
    if shape is None:
        return 0
    try:
        points, numbers = map(int, shape)
        if points < 1 or numbers not in (2, 3):
            raise ValueError("out of range")
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{names_file}: kpt_shape: the number of key points and 2 or 3 numbers for each are needed, "
            "such as [17, 3]"
        ) from error
    return points * numbers


def read_places(content: dict[str, Any], key: str, names_file: Path) -> list[str]:
    """Return the folders or lists that a key names: one, or a list of them; none if it is empty.

    Raises:
        UserError: of another type.
    """
    value = content.get(key) or []
    places = [value] if isinstance(value, str) else value
    if not isinstance(places, list) or not all(isinstance(place, str) for place in places):
        raise UserError(f"{names_file}: {key}: a path is needed, or a list of paths")
    return places


def read_names(names: Any, path: Path, longest: int) -> tuple[Category, ...]:
    """Return the categories: a list of names, or a mapping of 0, 1, ... to names.

    Raises:
        UserError: of another type, or names that are empty, repeated or longer than `longest`.
    """
    if isinstance(names, dict):
        try:
            numbered = {int(index): name for index, name in names.items()}
        except (ValueError, TypeError, OverflowError) as error:
            raise UserError(f"{path}: names: the keys are not whole numbers: {error}") from error
        if sorted(numbered) != list(range(len(numbered))):
            raise UserError(f"{path}: names: the numbers are not 0 to {len(numbered) - 1}")
        names = [numbered[index] for index in range(len(numbered))]
    if not isinstance(names, list) or not names:
        raise UserError(f"{path}: no `names:` with a list of categories")
    try:
        return number_categories(
            [read_label(name, f"names[{position}]", longest) for position, name in enumerate(names)]
        )
    except (UserError, BadValueError) as error:
        raise UserError(f"{path}: {error}") from error


def _find_problem(text: str) -> str | None:
    level = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            return f"line {line}: an alias, *{event.anchor}: write its value there"
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            return f"line {line}: more than {MOST_LEVELS} levels"
    return None
