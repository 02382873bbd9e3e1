"""Attributes of objects as names and values: `color: red`."""

from collections.abc import Mapping
from typing import Any

_NONE: Mapping[str, str] = {}
"""Shared: annotations without attributes are many."""


def named_values(value: Any) -> Mapping[str, str]:
    """Return the attributes in a JSON object whose values are texts; numbers, switches and lists are none."""
    if not isinstance(value, Mapping):
        return _NONE
    pairs = ((name, text.strip()) for name, text in value.items() if isinstance(text, str))
    return {str(name).strip(): text for name, text in pairs if text} or _NONE


def agreed_values(*stated: Mapping[str, str]) -> Mapping[str, str]:
    """Return what several mappings state of one object, without the names of which two values are stated."""
    found: dict[str, set[str]] = {}
    for values in stated:
        for name, value in values.items():
            found.setdefault(name, set()).add(value)
    return {name: values.pop() for name, values in found.items() if len(values) == 1} or _NONE


def only_choice(chosen: Any) -> str | None:
    """Return the one choice in a list; of several, none is the value of an attribute."""
    if isinstance(chosen, list) and len(chosen) == 1 and isinstance(chosen[0], str):
        return chosen[0]
    return None
