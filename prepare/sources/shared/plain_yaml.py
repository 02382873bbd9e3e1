"""YAML files of strangers: bounded before a reader expands them."""

from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import is_regular
from grounding.recipe.loading import read_yaml

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
