"""The scores by kind of picture of one or more runs, as tables of texts for the page."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import check_types
from infer.scoring.metric_texts import show_value
from infer.scoring.scorecard import KINDS_KEY

SHARED_COLUMNS = ("images", "objects")
"""Those of the truth: one column for all runs."""

RUN_COLUMNS = ("AP", "AP50", "recall_50", "f1_50")
"""Those of the answers: a column for each run."""

Bands = Mapping[str, Mapping[str, Any]]


def page_kinds(
    names: Sequence[str], files: Sequence[Path], scores: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return a table for each kind: name, header, and rows that begin with the band.

    `scores` are the contents of the runs' scores.json, {} where there is none.

    Raises:
        UserError: the scores by kind are no tables.
    """
    tables = [_kinds_in(each, path) for path, each in zip(files, scores, strict=True)]
    return [
        {"name": kind, **_table(names, [each.get(kind, {}) for each in tables])}
        for kind in dict.fromkeys(kind for each in tables for kind in each)
    ]


def _kinds_in(scores: Mapping[str, Any], path: Path) -> Mapping[str, Bands]:
    kinds: Mapping[str, Bands] = scores.get(KINDS_KEY, {})
    try:
        check_types(kinds, dict[str, dict[str, dict[str, Any]]])
    except ValueError as error:
        raise UserError(
            f"{path}: {KINDS_KEY}: {error}: run `python -m infer.score {path.parent}` again"
        ) from error
    return kinds


def _table(names: Sequence[str], runs: Sequence[Bands]) -> dict[str, Any]:
    bands = list(dict.fromkeys(band for bands in runs for band in bands))
    columns = [
        column
        for column in RUN_COLUMNS
        if any(row.get(column) is not None for bands in runs for row in bands.values())
    ]
    header = [*SHARED_COLUMNS]
    header += [f"{column} {name}" if len(names) > 1 else column for column in columns for name in names]
    rows = []
    for band in bands:
        first = next(run[band] for run in runs if band in run)
        shared = [show_value(column, first.get(column)) for column in SHARED_COLUMNS]
        own = [show_value(column, run.get(band, {}).get(column)) for column in columns for run in runs]
        rows.append([band, *shared, *own])
    return {"header": header, "rows": rows}
