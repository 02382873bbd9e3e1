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
