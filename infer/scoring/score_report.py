"""Scores for people: a table for the terminal, and a page of Markdown with all of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grounding.tables import format_table, markdown_table
from infer.scoring.metric_names import METRICS, show_interval, show_value
from infer.scoring.metrics.bootstrap import LEVEL
from infer.scoring.scorecard import Scores

CATEGORIES_SHOWN = 10
"""Of more categories, the terminal shows the best and the worst."""

CATEGORY_COLUMNS = ("AP", "AP50", "AR", "precision_50", "recall_50", "f1_50", "objects", "detections")


def grouped(keys: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the groups of metrics, each with those of the keys that belong to it; unknown ones at the end."""
    groups = dict.fromkeys([metric.group for metric in METRICS.values()])
    for group in groups:
        if members := [key for key in keys if key in METRICS and METRICS[key].group == group]:
            yield group, members
    if others := [key for key in keys if key not in METRICS]:
        yield "others", others


def terminal_report(scores: Scores) -> str:
    """Return the metrics with their intervals by group, and a few of the categories."""
    rows: list[list[str]] = []
    for group, keys in grouped(list(scores.metrics)):
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
    return "\n\n".join(pieces) + "\n"


def markdown_report(scores: Scores, title: str) -> str:
    """Return everything that scores.json holds, as Markdown."""
    pieces = [f"# {title}\n"]
    if draws := scores.bootstrap["draws"]:
        pieces.append(f"Intervals hold {LEVEL} % of {draws:,} draws of the images, with replacement.\n")
    for group, keys in grouped(list(scores.metrics)):
        rows = [[METRICS[key].name, *_row(key, scores)] for key in keys]
        pieces.append(
            f"## {group.capitalize()}\n\n"
            + markdown_table(("what", "key", "value", f"{LEVEL} % interval"), rows)
        )
    names = list(scores.per_category)
    pieces.append(
        "## Categories\n\n"
        + markdown_table(("category", *CATEGORY_COLUMNS), _category_rows(names, scores.per_category))
    )
    if scores.negatives_by_choice:
        rows = [
            [choice, str(row["questions"]), show_value("false_positive_rate", row["false_positive_rate"])]
            for choice, row in scores.negatives_by_choice.items()
        ]
        pieces.append(
            "## Questions about what is not there, by how it was chosen\n\n"
            + markdown_table(("choice", "questions", "false positive rate"), rows)
        )
    for heading, counts in (
        ("Problems in the answers", scores.problems),
        ("Labels that are no category", scores.most_frequent_unknown_labels),
    ):
        if counts:
            rows = [[name or "(empty)", str(count)] for name, count in counts.items()]
            pieces.append(f"## {heading}\n\n" + markdown_table(("what", "times"), rows))
    return "\n".join(pieces)


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
