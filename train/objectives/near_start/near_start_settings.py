"""The settings of the penalties around the start: keys of a train recipe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.recipe.schema import suggestion

L2_KEY = "grounding_l2_to_start"
EWC_KEY = "grounding_ewc"
EXAMPLE = "{fisher: FILE, weight: 100.0}"
LARGEST_WEIGHT = 1e12
"""Squared gradients of a trained model are small: a weight of millions can be right."""


@dataclass(frozen=True)
class EwcSettings:
    """The file of the diagonal Fisher information, and the weight of its penalty."""

    fisher: Path
    weight: float


@dataclass(frozen=True)
class NearStartSettings:
    """The weights of the penalties around the start; 0 and None switch one off."""

    l2: float = 0.0
    ewc: EwcSettings | None = None


def read_near_start(recipe: Mapping[str, Any]) -> NearStartSettings | None:
    """Read the keys of a recipe; None without them, or with weights of 0.

    Raises:
        ValueError: a value is no number, or is outside of its range; or grounding_ewc is no mapping of its
            two keys.
    """
    settings = NearStartSettings(_weight(L2_KEY, recipe.get(L2_KEY, 0.0)), _read_ewc(recipe.get(EWC_KEY)))
    return settings if settings.l2 or settings.ewc else None


def usable_near_start(recipe: Mapping[str, Any]) -> NearStartSettings | None:
    """Read the keys of a recipe that may be wrong; None where they are, which another check reports."""
    try:
        return read_near_start(recipe)
    except ValueError:
        return None


def _read_ewc(given: Any) -> EwcSettings | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise ValueError(f"{EWC_KEY}: {given!r} is no mapping: write {EXAMPLE}")
    for name in given:
        if name not in ("fisher", "weight"):
            raise ValueError(f"{EWC_KEY}: unknown key '{name}'{suggestion(str(name), ('fisher', 'weight'))}")
    if missing := {"fisher", "weight"} - given.keys():
        raise ValueError(f"{EWC_KEY}.{min(missing)}: is missing: write {EXAMPLE}")
    if not isinstance(given["fisher"], str) or not given["fisher"]:
        raise ValueError(f"{EWC_KEY}.fisher: {given['fisher']!r} is no path of a file")
    weight = _weight(f"{EWC_KEY}.weight", given["weight"])
    if weight > LARGEST_WEIGHT:
        raise ValueError(f"{EWC_KEY}.weight: {weight:g} must be at most {LARGEST_WEIGHT:g}")
    return EwcSettings(Path(given["fisher"]), weight) if weight else None


def _weight(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name}: {value!r} is no number")
    if value < 0:
        raise ValueError(f"{name}: {value:g} must be 0 or more")
    return float(value)
