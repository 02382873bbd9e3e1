"""The table of a suite: as text, as Markdown and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grounding.tables import format_table, markdown_table
from infer.scoring.metric_texts import show_change, show_interval, show_value
from infer.scoring.metrics.catalogue import ALL_METRICS
from infer.scoring.metrics.metric import COUNTS
from infer.scoring.resampling.bootstrap import LEVEL
from infer.suite.suite_means import DIFFERENCE, SET, SuiteRow


@dataclass(frozen=True)
class SuiteTable:
    """All rows of a suite.

    `problems` say what could not be measured, `notes` what has to be known about the values; both by the name
    of the set with its way, of a mean, or of the suite.
    """

    name: str
    checkpoint: str | None
    metrics: tuple[str, ...]
    draws: int
    rows: tuple[SuiteRow, ...]
    problems: Mapping[str, str]
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the table for a JSON file; shares are 0..1."""
        return {
            "suite": self.name,
            "checkpoint": self.checkpoint,
            "metrics": list(self.metrics),
            "bootstrap": {"draws": self.draws, "percent": LEVEL},
            "rows": [
                {
                    "kind": row.kind,
                    "name": row.name,
                    "asked": row.way,
                    "sets": row.sets,
                    **({} if row.asked is None else {"images_or_questions": row.asked}),
                    "values": dict(row.values),
                    "intervals": {key: list(bounds) for key, bounds in row.intervals.items()},
                    **({} if row.folder is None else {"folder": row.folder}),
                }
                for row in self.rows
            ],
            "problems": dict(self.problems),
            "notes": {name: list(notes) for name, notes in self.notes.items()},
        }

    def as_text(self) -> str:
        """Return the table, the notes and the problems for a terminal."""
        return "\n".join([format_table(*self._cells()), *self._lines()])

    def as_markdown(self) -> str:
        """Return the table, the notes and the problems as Markdown."""
        lines = [f"- {line}" for line in self._lines()]
        title = f"# {self.name}: {self.checkpoint}" if self.checkpoint else f"# {self.name}"
        about = f"The intervals hold {LEVEL} % of {self.draws:,} bootstrap draws of each set's images.\n"
        pieces = [title, *([about] if self.draws else []), markdown_table(*self._cells()), *lines]
        return "\n".join([pieces[0], "", *pieces[1:]]).rstrip("\n") + "\n"

    def _lines(self) -> list[str]:
        notes = [f"note: {name}: {note}" for name, notes in self.notes.items() for note in notes]
        return [*notes, *(f"problem: {name}: {problem}" for name, problem in self.problems.items())]

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        header = ["set", "asked"]
        for key in self.metrics:
            header += [key, f"{LEVEL} %"] if self.draws else [key]
        rows: list[list[str]] = []
        for row in self.rows:
            if row.kind != SET and rows and len(rows) == sum(one.kind == SET for one in self.rows):
                rows.append([""] * len(header))
            rows.append(_line(row, self.metrics, with_intervals=bool(self.draws)))
        return header, rows


def _line(row: SuiteRow, metrics: Sequence[str], *, with_intervals: bool) -> list[str]:
    cells = [row.name, row.way]
    is_change = row.kind == DIFFERENCE
    for key in metrics:
        value = row.values.get(key)
        if value is not None and ALL_METRICS[key].group == COUNTS:
            cells.append(f"{value:{'+' if is_change else ''}g}")  # the mean of counts is no share
        else:
            cells.append(
                show_change(key, value) if is_change and value is not None else show_value(key, value)
            )
        if with_intervals:
            cells.append(show_interval(key, row.intervals.get(key), sign=is_change))
    return cells
