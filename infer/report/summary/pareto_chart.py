"""The Pareto chart: bars of the defects by label, stacked by severity, and the line of their sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from infer.report.summary.inspection_counts import ParetoBar

MOST_BARS = 9
"""Labels with a bar of their own; the others share the last one."""

OTHERS = "others"
LETTER = 7.0
"""Units that a Latin letter is wide; a Chinese one is twice as wide."""

WIDTH, HEIGHT, BAR_SHARE = 720.0, 220.0, 0.62
"""Units of the drawing, without its axes; a bar's share of its column."""


@dataclass(frozen=True)
class ChartPiece:
    """A part of a bar: one severity."""

    x: float
    y: float
    width: float
    height: float
    color: str


@dataclass(frozen=True)
class ChartColumn:
    """A label's column: its middle, its texts, the parts of its bar, and the point of the line."""

    text: str
    defects: int
    middle: float
    pieces: tuple[ChartPiece, ...]
    line_y: float
    cumulative: float


@dataclass(frozen=True)
class ParetoChart:
    """The drawing; `line` are the points of the line as SVG takes them."""

    width: float
    height: float
    columns: tuple[ChartColumn, ...]
    line: str


def pareto_chart(bars: Sequence[ParetoBar], colors: Mapping[str, str]) -> ParetoChart | None:
    """Return the chart, None without defects. The scale of the bars ends at the number of all defects."""
    if not bars:
        return None
    shown = [*bars] if len(bars) <= MOST_BARS else [*bars[: MOST_BARS - 1], _joined(bars[MOST_BARS - 1 :])]
    total = sum(bar.defects for bar in bars)
    step = WIDTH / max(len(shown), 4)
    columns = tuple(_column(bar, place, step, total, colors) for place, bar in enumerate(shown))
    line = " ".join(f"{column.middle:.1f},{column.line_y:.1f}" for column in columns)
    return ParetoChart(WIDTH, HEIGHT, columns, line)


def _column(bar: ParetoBar, place: int, step: float, total: int, colors: Mapping[str, str]) -> ChartColumn:
    left, wide = step * (place + (1 - BAR_SHARE) / 2), step * BAR_SHARE
    y = HEIGHT
    pieces = []
    for severity, count in bar.by_severity.items():
        high = HEIGHT * count / total
        y -= high
        pieces.append(ChartPiece(left, y, wide, high, colors[severity]))
    return ChartColumn(
        _shortened(bar.label, step),
        bar.defects,
        step * (place + 0.5),
        tuple(pieces),
        HEIGHT * (1 - bar.cumulative),
        bar.cumulative,
    )


def _shortened(label: str, room: float) -> str:
    """Return a label that is at most `room` wide, with an ellipsis where it was cut."""
    wide = [LETTER * (2 if east_asian_width(letter) in "WF" else 1) for letter in label]
    if sum(wide) <= room:
        return label
    kept = 0
    while kept < len(label) and sum(wide[: kept + 1]) + LETTER <= room:
        kept += 1
    return f"{label[:kept].rstrip()}…"


def _joined(bars: Sequence[ParetoBar]) -> ParetoBar:
    by_severity: dict[str, int] = {}
    for bar in bars:
        for name, count in bar.by_severity.items():
            by_severity[name] = by_severity.get(name, 0) + count
    return ParetoBar(
        f"{len(bars)} {OTHERS}",
        sum(bar.defects for bar in bars),
        max(bar.pictures for bar in bars),
        by_severity,
        1.0,
    )
