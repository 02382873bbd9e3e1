"""The settings of the penalties around the start: keys of a train recipe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

L2_KEY = "grounding_l2_to_start"


@dataclass(frozen=True)
class NearStartSettings:
    """The weights of the penalties around the start; 0 switches one off."""

    l2: float = 0.0


def read_near_start(recipe: Mapping[str, Any]) -> NearStartSettings | None:
    """Read the keys of a recipe; None without them, or with weights of 0.

    Raises:
        ValueError: a value is no number, or is outside of its range.
    """
    l2 = _weight(L2_KEY, recipe.get(L2_KEY, 0.0))
    return NearStartSettings(l2) if l2 else None


def usable_near_start(recipe: Mapping[str, Any]) -> NearStartSettings | None:
    """Read the keys of a recipe that may be wrong; None where they are, which another check reports."""
    try:
        return read_near_start(recipe)
    except ValueError:
        return None


def _weight(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: {value!r} is no number")
    if value < 0:
        raise ValueError(f"{name}: {value:g} must be 0 or more")
    return float(value)
