"""Reports of scores: a table for the terminal, and Markdown with all tables."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from grounding.tables import format_table, markdown_table
from infer.scoring.advice.cut_detections import cut_line
from infer.scoring.kinds.kind_scores import KIND_COLUMNS
from infer.scoring.metric_texts import show_interval, show_value
from infer.scoring.metrics.catalogue import ALL_METRICS
from infer.scoring.metrics.metric import GROUPS
from infer.scoring.resampling.bootstrap import LEVEL
from infer.scoring.scorecard import Scores

CATEGORIES_SHOWN = 10
"""If there are more categories, the terminal shows only the best and the worst."""

INTERVAL = f"{LEVEL} % interval"

CATEGORY_COLUMNS = ("AP", "AP50", "AR", "precision_50", "recall_50", "f1_50", "objects", "detections")


BY_KIND, BY_CATEGORY = "kind", "category"
"""The tables that the terminal shows only when asked."""

CATEGORY_INTERVALS = ("AP", "f1_50")
"""The columns of categories whose intervals are shown."""


def terminal_report(scores: Scores, by: Collection[str] = ()) -> str:
    """Return the metrics with their intervals by group, and a few of the categories.

    `by` names more tables: all categories with intervals, and the scores by kind of picture.
    """
    rows: list[list[str]] = []
    for group, keys in _by_group(scores.metrics):
        rows += [["", "", ""]] * bool(rows) + [[f"[{group}]", "", ""]]
        rows += [_row(key, scores) for key in keys]
    pieces = [format_table(("metric", "value", INTERVAL), rows)]
    if BY_CATEGORY in by and scores.per_category:
        pieces.append(format_table(*_category_table(scores)))
    elif len(scores.per_category) > 1:
        names = _by_ap(scores.per_category)
        header = "category"
        if len(names) > CATEGORIES_SHOWN:
            half = CATEGORIES_SHOWN // 2
            header = f"category (best and worst {half} of {len(names)})"
            names = [*names[:half], *names[-half:]]
        pieces.append(format_table((header, *CATEGORY_COLUMNS), _category_rows(names, scores.per_category)))
    if BY_KIND in by:
        pieces += [format_table((kind, *header), rows) for kind, header, rows in kind_tables(scores.by_kind)]
    if scores.problems:
        counts = ", ".join(f"{name} {count}" for name, count in scores.problems.items())
        pieces.append(f"problems in the answers: {counts}")
    if line := cut_line(scores.limits):
        pieces.append(line)
    return "\n\n".join(pieces) + "\n"


def markdown_report(scores: Scores, title: str) -> str:
    """Return everything that scores.json holds, as Markdown."""
    pieces = [f"# {title}\n"]
    if draws := scores.bootstrap.get("draws"):
        pieces.append(
            f"The intervals hold {LEVEL} % of {draws:,} bootstrap draws (images drawn with replacement).\n"
        )
    if line := cut_line(scores.limits):
        pieces.append(f"{line}\n")
    for group, keys in _by_group(scores.metrics):
        rows = [[ALL_METRICS[key].name, *_row(key, scores)] for key in keys]
        pieces.append(_section(group.capitalize(), ("what", "key", "value", INTERVAL), rows))
    if scores.per_category:
        pieces.append(_section("Categories", *_category_table(scores)))
    for kind, header, rows in kind_tables(scores.by_kind):
        pieces.append(_section(f"By {kind}", (kind, *header), rows))
    if scores.negatives_by_choice:
        rows = [
            [choice, str(row["questions"]), show_value("false_positive_rate", row["false_positive_rate"])]
            for choice, row in scores.negatives_by_choice.items()
        ]
        heading = "Questions about what is not there, by how it was chosen"
        pieces.append(_section(heading, ("choice", "questions", "false positive rate"), rows))
    for heading, counts in (
        ("Problems in the answers", scores.problems),
        ("Labels that are no category", scores.most_frequent_unknown_labels),
    ):
        if counts:
            rows = [[name or "(empty)", str(count)] for name, count in counts.items()]
            pieces.append(_section(heading, ("what", "times"), rows))
    return "\n".join(pieces)


Cells = list[list[str]]
"""The cells of a table as texts."""


def kind_tables(by_kind: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, tuple[str, ...], Cells]]:
    """Yield each kind of picture, the header of its columns, and a row for each band."""
    for kind, bands in by_kind.items():
        columns = [key for key in KIND_COLUMNS if any(row.get(key) is not None for row in bands.values())]
        bounded = {key for key in columns for row in bands.values() if key in row.get("intervals", {})}
        header = [name for key in columns for name in ((key, INTERVAL) if key in bounded else (key,))]
        yield (
            kind,
            tuple(header),
            [[name, *_kind_cells(row, columns, bounded)] for name, row in bands.items()],
        )


def _kind_cells(row: Mapping[str, Any], columns: Sequence[str], bounded: Collection[str]) -> Iterator[str]:
    for key in columns:
        yield show_value(key, row.get(key))
        if key in bounded:
            yield show_interval(key, row["intervals"].get(key))


def _category_table(scores: Scores) -> tuple[tuple[str, ...], Cells]:
    """Return header and rows of all categories, with intervals where they were drawn."""
    bounded = [
        key for key in CATEGORY_INTERVALS if any(key in row for row in scores.category_intervals.values())
    ]
    header, rows = ["category"], [[name] for name in scores.per_category]
    for column in CATEGORY_COLUMNS:
        header += [column, INTERVAL] if column in bounded else [column]
        for cells, (name, row) in zip(rows, scores.per_category.items(), strict=True):
            cells.append(show_value(column, row.get(column)))
            if column in bounded:
                cells.append(show_interval(column, scores.category_intervals.get(name, {}).get(column)))
    return tuple(header), rows


def _section(heading: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"## {heading}\n\n{markdown_table(header, rows)}"


def _by_group(keys: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each group of metrics that has one of the keys, with its keys."""
    for group in GROUPS:
        if members := [key for key in keys if ALL_METRICS[key].group == group]:
            yield group, members


def _row(key: str, scores: Scores) -> list[str]:
    return [key, show_value(key, scores.metrics[key]), show_interval(key, scores.intervals.get(key))]


def _by_ap(per_category: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the categories that have objects, the highest AP first."""
    defined = [name for name, row in per_category.items() if row.get("AP") is not None]
    return sorted(defined, key=lambda name: -per_category[name]["AP"])


def _category_rows(names: Sequence[str], per_category: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    return [
        [name, *(show_value(column, per_category[name].get(column)) for column in CATEGORY_COLUMNS)]
        for name in names
    ]
