"""The report as CSV: a row for each picture, a row for each defect, and the figures of the summary.

UTF-8 with a byte order mark, as spreadsheets expect it.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from grounding.files import write_text
from infer.report.inspection_types import Inspection
from infer.report.summary.inspection_counts import InspectionCounts

BYTE_ORDER_MARK = "\ufeff"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a text that begins with one of these for a formula, and runs it."""

PICTURE_COLUMNS = ("file", "verdict", "reasons", "doubt", "doubt_reason", "defects", "failing_defects",
                   "width", "height", "sha256", "problems", "time")  # fmt: skip
DEFECT_COLUMNS = ("file", "label", "severity", "fails", "counts", "confidence", "area_share",
                  "x1", "y1", "x2", "y2", "description", "rules", "suggestions")  # fmt: skip
SUMMARY_COLUMNS = ("figure", "name", "count", "share", "low", "high")

Cell = str | int | float | bool | None


def write_tables(folder: Path, inspections: Sequence[Inspection], counts: InspectionCounts) -> list[Path]:
    """Write pictures.csv, defects.csv and summary.csv, and return their paths.

    Raises:
        UserError: a file cannot be written.
    """
    tables: dict[str, tuple[Sequence[str], Iterable[Sequence[Cell]]]] = {
        "pictures.csv": (PICTURE_COLUMNS, map(_picture_cells, inspections)),
        "defects.csv": (DEFECT_COLUMNS, _defect_rows(inspections)),
        "summary.csv": (SUMMARY_COLUMNS, _summary_rows(counts)),
    }
    for name, (columns, rows) in tables.items():
        write_text(folder / name, _csv_text([columns, *rows]))
    return [folder / name for name in tables]


def _csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows([_safe_cell(cell) for cell in row] for row in rows)
    return BYTE_ORDER_MARK + file.getvalue()


def _safe_cell(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula: labels and names come from strangers."""
    if isinstance(cell, str) and cell.startswith(FORMULA_STARTS):
        return f"'{cell}"
    return cell


def _picture_cells(item: Inspection) -> list[Cell]:
    picture = item["picture"]
    return [
        *(picture["file"], item["verdict"], "; ".join(item["reasons"]), item["doubt"], item["doubt_reason"]),
        *(sum(row["counts"] for row in item["defects"]), sum(row["fails"] for row in item["defects"])),
        *(picture["width"], picture["height"], picture["sha256"], "; ".join(item["problems"]), item["time"]),
    ]


def _defect_rows(inspections: Iterable[Inspection]) -> Iterable[list[Cell]]:
    for item in inspections:
        for row in item["defects"]:
            yield [
                *(item["picture"]["file"], row["label"], row["severity"], row["fails"], row["counts"]),
                *(row["confidence"], row["area_share"], *row["box"], row["description"]),
                *("; ".join(row["rules"]), "; ".join(row["suggestions"])),
            ]


def _summary_rows(counts: InspectionCounts) -> Iterable[list[Cell]]:
    total = counts.passed.total
    low, high = counts.passed.interval
    yield ["pictures", "", total, None, None, None]
    yield ["passed", "", counts.passed.count, counts.passed.share, low, high]
    yield ["failed", "", counts.failed, counts.failed / total if total else None, 1 - high, 1 - low]
    yield ["unreadable", "", counts.unreadable, None, None, None]
    yield ["uncertain", "", len(counts.uncertain), None, None, None]
    for name, count in counts.severities.items():
        yield ["severity", name, count, count / counts.defects if counts.defects else None, None, None]
    for bar in counts.pareto:
        yield ["defect", bar.label, bar.defects, bar.defects / counts.defects, None, None]
    for text, count in counts.suggestions.items():
        yield ["suggestion", text, count, None, None, None]
