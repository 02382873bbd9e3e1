"""Tables of numbers for a terminal."""

from collections.abc import Sequence

PLAIN_METRICS = ("mean_iou",)
"""Shown with three decimals; every other fraction is shown in percent."""


def show_value(metric: str, value: float | str | None) -> str:
    """Return a metric's value as text; "-" where it is not defined."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}" if metric in PLAIN_METRICS else f"{value:.1%}"
    return str(value)


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a header, the first column to the left, the others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    )
