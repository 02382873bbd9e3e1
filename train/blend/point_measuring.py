"""The scores of a point: `python -m infer.suite` as a child, as training does not import inference."""

import json
import logging
import sys
from pathlib import Path

from grounding.errors import UserError
from grounding.files import read_json, write_text
from grounding.suites.suite_recipe import TABLE_JSON
from grounding.suites.suite_sets import SuiteSet, missing_parts
from train.blend.best_point import PointScores, check_scores
from train.blend.blend_settings import BlendSettings
from train.launch.child_command import run_to_end

log = logging.getLogger(__name__)

SUITE_FILE = "suite.yaml"


def check_datasets(settings: BlendSettings) -> None:
    """Check that the data sets can be scored, before any point is made.

    Raises:
        UserError: a part of one is missing, or a set is of the new and of an old task.
    """
    new, old = settings.datasets("new"), settings.datasets("old")
    if both := {path.resolve() for path in new} & {path.resolve() for path in old}:
        raise UserError(f"old: {min(both)} is a data set of the new task, too: name another one")
    for folder in (*new, *old):
        for problem in missing_parts(SuiteSet(folder.name, folder)):
            raise UserError(problem)


def measure_point(share: float, checkpoint: Path, folder: Path, settings: BlendSettings) -> PointScores:
    """Ask a point the questions of all data sets, and return its scores.

    What is answered is not asked again. Tables and answers are in `folder`.

    Raises:
        UserError: the suite fails; its own message stands before.
    """
    parts = {key: settings.datasets(key) for key in ("new", "old")}
    names = {f"{key}_{place}": path for key, paths in parts.items() for place, path in enumerate(paths)}
    suite = {
        "sets": {name: {"dataset": str(path.resolve())} for name, path in names.items()},
        "metrics": [settings.metric],
        "answers": settings.infer,
        "draws": 0,
    }
    write_text(folder / SUITE_FILE, json.dumps(suite, ensure_ascii=False, indent=2) + "\n")
    words = [str(folder / SUITE_FILE), f"checkpoint={checkpoint.resolve()}", f"output_dir={folder.resolve()}"]
    # Its table goes to standard error, as ours is the result.
    if code := run_to_end([sys.executable, "-m", "infer.suite", *words], stdout=sys.stderr):
        raise UserError(
            f"{folder}: alpha={share:g} was not scored (exit code {code}): see above, and repeat the command"
        )
    values = _table_values(folder / TABLE_JSON, settings.metric)
    found = {
        key: check_scores(
            share,
            {str(path): values.get(f"{key}_{place}") for place, path in enumerate(paths)},
            settings.metric,
        )
        for key, paths in parts.items()
    }
    return PointScores(share, found["new"], found["old"])


def _table_values(path: Path, metric: str) -> dict[str, float | None]:
    rows = read_json(path)["rows"]
    return {row["name"]: row["values"].get(metric) for row in rows}
