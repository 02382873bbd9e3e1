"""The settings of distance-aware coordinates: two keys of a train recipe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WEIGHT_KEY = "grounding_coordinate_loss"
TAU_KEY = "grounding_coordinate_tau"
DEFAULT_TAU = 50.0
"""Numbers 5 steps of the 0..1000 grid away have a weight of exp(-1/2) in a target."""


@dataclass(frozen=True)
class CoordinateSettings:
    """The weight of the loss beside the cross entropy, and how far its targets are spread.

    A target gives numbers that are `d` steps of the grid away a weight of exp(-d^2 / tau).
    """

    weight: float
    tau: float = DEFAULT_TAU


def read_coordinates(recipe: Mapping[str, Any]) -> CoordinateSettings | None:
    """Read the two keys of a recipe; None without them, or with a weight of 0, which switches it off.

    Raises:
        ValueError: a value is no number, or is outside of its range.
    """
    weight, tau = (
        _number(recipe, name, default) for name, default in ((WEIGHT_KEY, 0.0), (TAU_KEY, DEFAULT_TAU))
    )
    if weight < 0:
        raise ValueError(f"{WEIGHT_KEY}: {weight:g} must be 0 or more")
    if tau <= 0:
        raise ValueError(f"{TAU_KEY}: {tau:g} must be more than 0")
    return CoordinateSettings(weight, tau) if weight else None


def usable_coordinates(recipe: Mapping[str, Any]) -> CoordinateSettings | None:
    """Read the two keys of a recipe that may be wrong; None where they are, which another check reports."""
    try:
        return read_coordinates(recipe)
    except ValueError:
        return None


def _number(recipe: Mapping[str, Any], name: str, default: float) -> float:
    value = recipe.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: {value!r} is no number")
    return float(value)
