"""Reading YAML with the line of each key, so that a wrong value is named where it stands."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from grounding.errors import UserError
from grounding.files import is_regular
from grounding.recipe.schema import suggestion

SCALAR, LIST, MAPPING = "scalar", "sequence", "mapping"


@dataclass(frozen=True)
class LinedValue:
    """A value of a YAML file, with its path and its line, from 1; `node` is PyYAML's."""

    path: Path
    node: Any

    @property
    def line(self) -> int:
        """The line on which the value begins."""
        return int(self.node.start_mark.line) + 1

    def refuse(self, problem: str) -> NoReturn:
        """Raise a UserError that names the line."""
        raise UserError(f"{self.path}, line {self.line}: {problem}")

    def mapping(self, known: Iterable[str] | None, what: str) -> dict[str, "LinedValue"]:
        """Return the values of a mapping by key; `known` are the keys that there may be, None for any.

        Raises:
            UserError: not a mapping, or a key that is unknown, repeated or no text.
        """
        if self.node.id != MAPPING:
            self.refuse(f"{what} has to be `key: value` lines")
        names = None if known is None else tuple(known)
        found: dict[str, LinedValue] = {}
        for key_node, value_node in self.node.value:
            key = LinedValue(self.path, key_node)
            name = key.text("a key")
            if names is not None and name not in names:
                key.refuse(f"unknown key '{name}' in {what}{suggestion(name, names)}")
            if name in found:
                key.refuse(f"'{name}' comes a second time in {what}")
            found[name] = LinedValue(self.path, value_node)
        return found

    def items(self, what: str) -> "list[LinedValue]":
        """Return the values of a list that is not empty.

        Raises:
            UserError: not a list, or an empty one.
        """
        if self.node.id != LIST or not self.node.value:
            self.refuse(f"{what} has to be a list with at least one entry")
        return [LinedValue(self.path, node) for node in self.node.value]

    def text(self, what: str) -> str:
        """Return a text of one line that is not empty.

        Raises:
            UserError: something else.
        """
        is_null = self.node.tag.endswith(":null") and not self.node.style
        if self.node.id != SCALAR or is_null or not self.node.value.strip():
            self.refuse(f"{what} has to be a text")
        return " ".join(str(self.node.value).split())

    def texts(self, what: str) -> "list[LinedValue]":
        """Return a text, or the texts of a list, each with its line.

        Raises:
            UserError: something else.
        """
        return [self] if self.node.id == SCALAR else self.items(what)

    def number(self, what: str, low: float, high: float) -> float:
        """Return a finite number from `low` to `high`.

        Raises:
            UserError: something else.
        """
        try:
            if self.node.id != SCALAR or self.node.style:
                raise ValueError
            value = float(self.node.value)
        except ValueError:
            self.refuse(f"{what} has to be a number from {low:g} to {high:g}")
        if not (math.isfinite(value) and low <= value <= high):
            self.refuse(f"{what} is {self.node.value}: it has to be from {low:g} to {high:g}")
        return value


def read_lined_yaml(path: Path) -> LinedValue:
    """Read a YAML file with its lines.

    Raises:
        UserError: no such file, an empty one, or no YAML.
    """
    import yaml

    if not is_regular(path):
        near = suggestion(str(path), map(str, path.parent.glob("*.yaml")) if path.parent.is_dir() else ())
        raise UserError(f"{path}: no such file{near}")
    try:
        node = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise UserError(f"{path}{line}: not readable as YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path}: not readable as YAML: too many levels") from error
    if node is None:
        raise UserError(f"{path}, line 1: the file is empty: it needs `rules`, `otherwise` and `fails_from`")
    return LinedValue(path, node)
