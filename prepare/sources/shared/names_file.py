"""YOLO's names file: YAML from strangers, bounded before a reader expands it, and the types of its keys."""

from pathlib import Path
from typing import Any

from grounding.categories import Category, number_categories
from grounding.errors import UserError
from grounding.files import is_regular
from grounding.recipe.loading import read_yaml
from prepare.sources.shared.source_values import BadValueError, read_label

LARGEST_FILE = 1 << 20
"""Bytes: the names of 30,000 categories."""

MOST_LEVELS = 8
"""Levels of lists and mappings; a names file has two."""


def read_plain_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping from YAML without aliases, a few of which can stand for gigabytes; `${}` stays a text.

    Raises:
        UserError: no such file, not YAML, not a mapping, too large or too deep, or with aliases.
    """
    from omegaconf import OmegaConf
    from yaml import YAMLError

    if not is_regular(path):
        raise UserError(f"{path}: no such file, or not a regular one")
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
        if problem := _find_problem(text):
            raise UserError(f"{path}: {problem}")
        content = OmegaConf.to_container(read_yaml(path))
    except (YAMLError, OSError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}") from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        # A tag that does not fit its value, such as `!!bool x`, or a number of 5000 digits.
        raise UserError(
            f"{path}: not readable as YAML: a value is not what its tag says ({error})"
        ) from error
    return {str(key): value for key, value in dict(content).items()}


def find_names_file(path: Path) -> Path:
    """Return the names file: the path itself, data.yaml in that folder, or its only YAML file.

    Raises:
        UserError: there is none, or there are several.
    """
    if path.is_file():
        return path
    if (path / "data.yaml").is_file():
        return path / "data.yaml"
    found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
    if len(found) != 1:
        raise UserError(
            f"source.path: {path} has {len(found) or 'no'} YAML files with names: put one data.yaml there, "
            "or write its path as source.path"
        )
    return found[0]


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
            [
                str(name) if isinstance(name, bool) else read_label(name, f"names[{position}]", longest)
                for position, name in enumerate(names)
            ]
        )
    except (UserError, BadValueError) as error:
        raise UserError(f"{path}: {error}") from error


def _find_problem(text: bytes) -> str | None:
    import yaml

    if len(text) > LARGEST_FILE:
        return f"larger than {LARGEST_FILE:,} bytes"
    level = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            return f"line {line}: an alias, *{event.anchor}: write its value there"
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_LEVELS:
            return f"line {line}: more than {MOST_LEVELS} levels"
    return None
