"""Reports of scores: a table for the terminal, and Markdown with all tables."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from grounding.tables import format_table, markdown_table
from infer.scoring.advice.cut_detections import cut_line
from infer.scoring.metric_texts import show_interval, show_value
from infer.scoring.metrics.catalogue import METRICS
from infer.scoring.metrics.metric import GROUPS
from infer.scoring.resampling.bootstrap import LEVEL
from infer.scoring.scorecard import Scores

CATEGORIES_SHOWN = 10
"""If there are more categories, the terminal shows only the best and the worst."""

CATEGORY_COLUMNS = ("AP", "AP50", "AR", "precision_50", "recall_50", "f1_50", "objects", "detections")


def terminal_report(scores: Scores) -> str:
    """Return the metrics with their intervals by group, and a few of the categories."""
    rows: list[list[str]] = []
    for group, keys in _by_group(scores.metrics):
        rows += [["", "", ""]] * bool(rows) + [[f"[{group}]", "", ""]]
        rows += [_row(key, scores) for key in keys]
    pieces = [format_table(("metric", "value", f"{LEVEL} % interval"), rows)]
    if len(scores.per_category) > 1:
        names = _by_ap(scores.per_category)
        header = "category"
        if len(names) > CATEGORIES_SHOWN:
            half = CATEGORIES_SHOWN // 2
            header = f"category (best and worst {half} of {len(names)})"
            names = [*names[:half], *names[-half:]]
        pieces.append(format_table((header, *CATEGORY_COLUMNS), _category_rows(names, scores.per_category)))
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
        rows = [[METRICS[key].name, *_row(key, scores)] for key in keys]
        pieces.append(_section(group.capitalize(), ("what", "key", "value", f"{LEVEL} % interval"), rows))
    rows = _category_rows(list(scores.per_category), scores.per_category)
    pieces.append(_section("Categories", ("category", *CATEGORY_COLUMNS), rows))
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


def _section(heading: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"## {heading}\n\n{markdown_table(header, rows)}"


def _by_group(keys: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each group of metrics that has one of the keys, with its keys."""
    for group in GROUPS:
        if members := [key for key in keys if METRICS[key].group == group]:
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
