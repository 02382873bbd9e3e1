"""threshold.json: the chosen threshold, what it was chosen for and on, and the errors to expect."""

import math
from pathlib import Path
from typing import Any, Literal

from typing_extensions import TypedDict

from grounding.errors import UserError
from grounding.files import check_types, read_json, write_json
from infer.report.asked_model import AskedModel
from infer.report.inspection_types import DataCardNote, ModelNote
from infer.report.proportion import Proportion
from infer.report.rules.rule_set import RuleSet
from infer.report.threshold.threshold_choice import PictureErrors
from infer.runs.answer_keys import describe_changed_keys

THRESHOLD_FILE = "threshold.json"
FORMAT: Literal["threshold-1"] = "threshold-1"
AGAIN = "run `python -m infer.report threshold` with these rules and this model"


class ShareRow(TypedDict):
    """A share with its interval."""

    count: int
    total: int
    share: float | None
    low: float
    high: float


class ErrorsRow(TypedDict):
    """The errors of pictures."""

    missed: ShareRow
    false_alarms: ShareRow


class ChosenThreshold(TypedDict):
    """The contents of threshold.json.

    `wanted` has the recall, or the costs. `same_pictures` are the errors on the pictures that the threshold
    was chosen on, `held_out` those to expect on new ones.
    """

    format: Literal["threshold-1"]
    threshold: float
    wanted: dict[str, float]
    rules: str
    model: ModelNote
    keys: dict[str, Any]
    data_card: DataCardNote
    same_pictures: ErrorsRow
    held_out: ErrorsRow


def errors_row(errors: PictureErrors) -> ErrorsRow:
    """Return errors, ready for JSON."""
    rows: Any = {"missed": errors.missed.as_json(), "false_alarms": errors.false_alarms.as_json()}
    checked: ErrorsRow = rows
    return checked


def errors_of(row: ErrorsRow) -> PictureErrors:
    """Return the errors in a row."""
    return PictureErrors(
        Proportion(row["missed"]["count"], row["missed"]["total"]),
        Proportion(row["false_alarms"]["count"], row["false_alarms"]["total"]),
    )


def save_threshold(chosen: ChosenThreshold, path: Path) -> None:
    """Write threshold.json.

    Raises:
        UserError: it cannot be written.
    """
    write_json(path, chosen)


def load_threshold(path: Path, rules: RuleSet, asked: AskedModel) -> ChosenThreshold:
    """Read the threshold that was chosen for these rules and this model.

    Raises:
        UserError: no such file, or it was chosen for other rules, another model, or other answers.
    """
    if not path.is_file():
        hint = ": a threshold is not set by hand" if _is_number(str(path)) else ""
        raise UserError(f"{path}: no such file{hint}: {AGAIN}, and name the file that it writes")
    content = read_json(path)
    try:
        check_types(content, ChosenThreshold)
        chosen: ChosenThreshold = content
        for key in ("same_pictures", "held_out"):
            for share in (chosen[key]["missed"], chosen[key]["false_alarms"]):
                if not 0 <= share["count"] <= share["total"]:
                    raise ValueError(f"{key}: {share['count']} of {share['total']}")
        if not math.isfinite(chosen["threshold"]):
            raise ValueError("threshold: it has to be finite")
    except ValueError as error:
        raise UserError(f"{path}: not a threshold ({error}): {AGAIN}") from error
    if chosen["rules"] != rules.fingerprint:
        raise UserError(f"{path}: chosen for other rules than those of {rules.file}: {AGAIN}")
    if chosen["model"]["fingerprint"] != asked.note["fingerprint"]:
        raise UserError(f"{path}: chosen for another model, {chosen['model']['name']}: {AGAIN}")
    if chosen["model"]["score"] != asked.note["score"]:
        raise UserError(
            f"{path}: chosen with score={chosen['model']['score']}, and not {asked.note['score']}: {AGAIN}"
        )
    if changes := describe_changed_keys(chosen["keys"], asked.keys):
        raise UserError(f"{path}: chosen with other keys: {changes}: {AGAIN}")
    return chosen


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
