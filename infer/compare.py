"""`python -m infer.compare [NAME=]DIR [NAME=]DIR ...`: scores side by side, and what changed."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grounding.errors import UserError, run_command
from grounding.files import read_json, write_json, write_text
from grounding.layout import SCORES_FILE

if TYPE_CHECKING:
    from infer.scoring.changes import Changes

COMPARISON = "comparison"
"""The key of the output that holds what changed, beside the runs' names."""

IMAGES_SHOWN, IMAGES_SAVED = 8, 100

EPILOG = """The change is that from the first run to the last on the images that both have answered. Its
interval comes from drawing the same images for both (paired bootstrap): where it does not hold 0, the
change is more than chance. The same images as pictures: python -m visualize compare [NAME=]DIR [NAME=]DIR

example:
  python -m infer.compare before=checkpoints/demo/eval_before after=checkpoints/demo/eval_after"""


def named_runs(words: Sequence[str]) -> dict[str, Path]:
    """Return the folder of every `NAME=DIR`; a folder without a name is called as it is itself.

    Raises:
        UserError: a word without a name or a folder, or a name given twice.
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
        if name in (*runs, COMPARISON):
            raise UserError(f"'{word}': the name '{name}' is taken: write NAME={folder} with another name")
        runs[name] = Path(folder)
    return runs


def read_scores(runs: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """Read scores.json of every run's folder, in their order.

    Raises:
        UserError: no scores there.
    """
    scores: dict[str, dict[str, Any]] = {}
    for name, folder in runs.items():
        path = folder / SCORES_FILE
        if not path.is_file():
            raise UserError(f"{path}: no such file: run `python -m infer.score {folder}` first")
        content = read_json(path)
        if not isinstance(content, dict) or "AP" not in content:
            raise UserError(f"{path}: not scores: run `python -m infer.score {folder}` again")
        scores[name] = content
    return scores


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row a metric and a column a run, and the images that changed; with --output save all of it."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.compare",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", metavar="[NAME=]DIR", nargs="+", help="a folder with scores.json")
    parser.add_argument("--dataset", type=Path, help="prepared data set (default: what infer.yaml names)")
    parser.add_argument(
        "--output", type=Path, help="JSON file for {NAME: scores, ..., comparison: ...}, and a .md beside it"
    )
    arguments = parser.parse_args(argv)
    output: Path | None = arguments.output
    if output is not None and output.suffix != ".json":
        raise UserError(f"--output {output}: give a name that ends in .json")
    from grounding.tables import format_table, markdown_table
    from infer.scoring.changes import find_changes

    runs = named_runs(arguments.runs)
    scores = read_scores(runs)
    found = find_changes(runs, arguments.dataset) if len(runs) > 1 else None
    changes = None if isinstance(found, str) else found
    header, rows = metric_rows(scores, changes)
    sys.stdout.write(format_table(header, rows) + "\n")
    if isinstance(found, str):
        sys.stdout.write(f"\nno change image by image: {found}\n")
    if changes is not None:
        sys.stdout.write(f"\n{_heading(changes)}\n")
        if changes.images:
            sys.stdout.write(format_table(*image_rows(changes, IMAGES_SHOWN)) + "\n")
    if output is not None:
        saved = {} if changes is None else {COMPARISON: changes.as_json(IMAGES_SAVED)}
        write_json(output, scores | saved)
        text = f"# {' and '.join(runs)}\n\n{markdown_table(header, rows)}"
        if changes is not None:
            text += f"\n{_heading(changes)}\n"
            text += f"\n{markdown_table(*image_rows(changes, IMAGES_SAVED))}" if changes.images else ""
        write_text(output.with_suffix(".md"), text)
    return 0


def metric_rows(
    scores: Mapping[str, Mapping[str, Any]], changes: "Changes | None"
) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: for each run the value and its interval, then the change and its own."""
    from infer.scoring.metric_names import flat_metrics, in_order, show_change, show_interval, show_value
    from infer.scoring.metrics.bootstrap import LEVEL

    keys = in_order(key for run in scores.values() for key in flat_metrics(run))
    header = ["metric"]
    for name in scores:
        header += [name, f"{LEVEL} %"]
    header += [] if changes is None else ["change", f"{LEVEL} %"]
    rows = []
    for key in keys:
        row = [key]
        for run in scores.values():
            row += [show_value(key, run.get(key)), show_interval(key, run.get("intervals", {}).get(key))]
        if changes is not None and key in changes.metrics:
            change = changes.metrics[key]
            row += [show_change(key, change.change), show_interval(key, change.interval, sign=True)]
        rows.append(row + [""] * (len(header) - len(row)))
    return header, rows


def image_rows(changes: "Changes", limit: int) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the images that changed most."""
    rows = []
    for item in changes.images[:limit]:
        change = item.after - item.before
        rows.append(
            [item.image, str(item.image_id), f"{item.before:.2f}", f"{item.after:.2f}", f"{change:+.2f}"]
        )
    return ["image", "image_id", changes.before, changes.after, "change"], rows


def _heading(changes: "Changes") -> str:
    better, worse = (
        sum((item.after - item.before) * sign > 0 for item in changes.images) for sign in (1, -1)
    )
    return (
        f"Of {changes.common_images} images that both answered, {better} are better and {worse} are worse in "
        f"'{changes.after}' than in '{changes.before}', by the mean IoU of all their objects."
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
