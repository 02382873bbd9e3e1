"""Metrics as texts: values, intervals and changes, for tables and pages."""

from collections.abc import Iterable, Mapping
from typing import Any

from infer.scoring.metrics.catalogue import ALL_METRICS


def flat_metrics(scores: Mapping[str, Any]) -> dict[str, float | int]:
    """Return the single numbers of a scores.json; tables and undefined metrics are left out."""
    return {key: value for key, value in scores.items() if isinstance(value, (int, float))}


def in_order(keys: Iterable[str]) -> list[str]:
    """Return each key once, in the order of ALL_METRICS; unknown keys come last."""
    places = {key: place for place, key in enumerate(ALL_METRICS)}
    return sorted(dict.fromkeys(keys), key=lambda key: places.get(key, len(places)))


def show_value(metric: str, value: float | str | None) -> str:
    """Return a metric's value as text, "-" where it is not defined."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.1%}" if _is_share(metric) else f"{value:.3f}"
    return str(value)


def show_interval(
    metric: str, bounds: tuple[float, float] | list[float] | None, *, sign: bool = False
) -> str:
    """Return an interval's bounds as text, "" without an interval; shares are shown in percent."""
    if bounds is None:
        return ""
    scale, digits = (100, 1) if _is_share(metric) else (1, 3)
    low, high = (f"{bound * scale:{'+' if sign else ''}.{digits}f}" for bound in bounds)
    return f"{low} to {high}"


def show_change(metric: str, change: float) -> str:
    """Return the difference of two values as text with its sign; shares differ by percentage points."""
    return f"{change * 100:+.1f}" if _is_share(metric) else f"{change:+.3f}"


def _is_share(metric: str) -> bool:
    return metric not in ALL_METRICS or ALL_METRICS[metric].is_share
