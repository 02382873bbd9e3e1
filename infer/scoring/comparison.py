"""Runs side by side: the table of their scores, and what changed from the first run to the last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_json
from grounding.layout import SCORES_FILE
from grounding.tables import format_table, markdown_table
from infer.scoring.changes import Changes, NotComparableError, find_changes
from infer.scoring.metric_texts import flat_metrics, in_order, show_change, show_interval, show_value
from infer.scoring.resampling.bootstrap import LEVEL

COMPARISON_KEY = "comparison"
"""The key of the JSON file that holds the changes, beside the runs' names."""

IMAGES_SHOWN, IMAGES_SAVED = 8, 100

Table = tuple[list[str], list[list[str]]]
"""Header and rows."""


@dataclass(frozen=True)
class Comparison:
    """The scores.json of each run, by name, and the changes.

    Without changes, `problem` says why; it is empty where there is only one run.
    """

    scores: Mapping[str, Mapping[str, Any]]
    changes: Changes | None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the scores of each run and, under "comparison", the changes."""
        saved = {} if self.changes is None else {COMPARISON_KEY: self.changes.as_json(IMAGES_SAVED)}
        return {**self.scores, **saved}


def named_runs(words: Sequence[str]) -> dict[str, Path]:
    """Return the folder of each `NAME=DIR`; the name of a plain `DIR` is the folder's own.

    Raises:
        UserError: no name or no folder, or a name that occurs twice.
    """
    runs: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals or Path(word).exists():
            name, folder = Path(word).resolve().name, word
        if not (name and folder):
            raise UserError(
                f"'{word}' is not NAME=DIR: write for instance before=checkpoints/demo/eval_before"
            )
        if name in (*runs, COMPARISON_KEY):
            raise UserError(f"'{word}': the name '{name}' is taken: write NAME={folder} with another name")
        runs[name] = Path(folder)
    return runs


def compare_runs(runs: Mapping[str, Path], dataset: Path | None) -> Comparison:
    """Read the scores of the runs, and find the changes from the first to the last.

    Raises:
        UserError: a run without scores, or files that cannot be read.
    """
    scores = {name: read_scores(folder) for name, folder in runs.items()}
    if len(runs) < 2:
        return Comparison(scores, None)
    try:
        return Comparison(scores, find_changes(runs, dataset))
    except NotComparableError as error:
        return Comparison(scores, None, str(error))


def read_scores(folder: Path) -> dict[str, Any]:
    """Read the scores.json in a run's folder.

    Raises:
        UserError: no scores there.
    """
    path = folder / SCORES_FILE
    if not path.is_file():
        raise UserError(f"{path}: no such file: run `python -m infer.score {folder}` first")
    content = read_json(path)
    if not isinstance(content, dict) or "AP" not in content:
        raise UserError(f"{path}: not scores: run `python -m infer.score {folder}` again")
    return content


def terminal_text(comparison: Comparison) -> str:
    """Return the table of metrics, and the images that changed most, for the terminal."""
    text = format_table(*metric_table(comparison)) + "\n"
    if comparison.problem:
        text += f"\nno change image by image: {comparison.problem}\n"
    if (changes := comparison.changes) is not None:
        text += f"\n{_summary(changes)}\n" if changes.common_images else ""
        text += format_table(*image_table(changes, IMAGES_SHOWN)) + "\n" if changes.images else ""
    return text


def markdown_text(comparison: Comparison) -> str:
    """Return the same as Markdown, with more images."""
    text = f"# {' and '.join(comparison.scores)}\n\n{markdown_table(*metric_table(comparison))}"
    if (changes := comparison.changes) is not None:
        text += f"\n{_summary(changes)}\n" if changes.common_images else ""
        text += f"\n{markdown_table(*image_table(changes, IMAGES_SAVED))}" if changes.images else ""
    return text


def metric_table(comparison: Comparison) -> Table:
    """Return a row for each metric: value and interval of each run, then change and its interval."""
    scores, changes = comparison.scores, comparison.changes
    header = ["metric"]
    for name in scores:
        header += [name, f"{LEVEL} %"]
    header += [] if changes is None else ["change", f"{LEVEL} %"]
    rows = []
    for key in in_order(key for run in scores.values() for key in flat_metrics(run)):
        row = [key]
        for run in scores.values():
            row += [show_value(key, run.get(key)), show_interval(key, run.get("intervals", {}).get(key))]
        if changes is not None and key in changes.metrics:
            change = changes.metrics[key]
            row += [show_change(key, change.change), show_interval(key, change.interval, sign=True)]
        rows.append(row + [""] * (len(header) - len(row)))
    return header, rows


def image_table(changes: Changes, limit: int) -> Table:
    """Return a row for each of the images that changed most, at most `limit`."""
    rows = []
    for item in changes.images[:limit]:
        change = item.after - item.before
        rows.append(
            [item.image, str(item.image_id), f"{item.before:.2f}", f"{item.after:.2f}", f"{change:+.2f}"]
        )
    return ["image", "image_id", changes.before, changes.after, "change"], rows


def _summary(changes: Changes) -> str:
    better, worse = (
        sum((item.after - item.before) * sign > 0 for item in changes.images) for sign in (1, -1)
    )
    return (
        f"Of {changes.common_images} images that both answered, {better} are better and {worse} are worse in "
        f"'{changes.after}' than in '{changes.before}', by the mean IoU of all their objects."
    )
