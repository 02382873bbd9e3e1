"""The results of steps on disk: a step that has passed is not run again, unless something has changed."""

import dataclasses
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from grounding.files import read_json, write_json
from train.gpu_check.finding import PASSED, Found
from train.gpu_check.workplace import LOG_FILE, Workplace
from train.launch.processes import new_mark
from train.launch.provenance import ROOT, git_state, package_versions

RESULT_FILE = "result.json"


@dataclass(frozen=True)
class Result:
    """What a step found, how long it took, and what it holds for.

    `mark` is this result's own, and `built_on` has the marks of the results of the steps that it needs.
    """

    expected: str
    found: str
    verdict: str
    seconds: float
    circumstances: str
    built_on: dict[str, str]
    mark: str


def circumstances_of(place: Workplace) -> str:
    """Return a hash of all that a step's result depends on: models, cards, packages, the project's commit."""
    settings = [place.settings.model, place.settings.mixture]
    content = [settings, dataclasses.asdict(place.machine), package_versions(), git_state(ROOT)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_passed(folder: Path, circumstances: str, built_on: dict[str, str]) -> Result | None:
    """Return the result of a step that has passed under the same circumstances; None otherwise.

    A step that it needs and that was run again since then has another mark.
    """
    try:
        result = Result(**read_json(folder / RESULT_FILE))
    except (UserError, TypeError):  # it has not run, or another version wrote it
        return None
    is_same = (result.circumstances, result.built_on) == (circumstances, built_on)
    return result if result.verdict == PASSED and is_same else None


def begin_step(folder: Path) -> None:
    """Remove what an earlier start of a step has left, and make its folder with an empty log."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / LOG_FILE).touch()


def save_result(
    folder: Path, found: Found, seconds: float, circumstances: str, built_on: dict[str, str]
) -> Result:
    """Write result.json, when all else of a step is written."""
    result = Result(
        found.expected, found.found, found.verdict, round(seconds, 1), circumstances, built_on, new_mark()
    )
    write_json(folder / RESULT_FILE, dataclasses.asdict(result))
    return result
