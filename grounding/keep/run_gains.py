"""What a training run has gained on its new data set and lost on its old ones, since its start.

The run has to measure both: `grounding_eval_samples` the new one, `grounding_keep` the old ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from grounding.files import read_json
from grounding.keep.keep_record import CURVES, TOKENS_KEPT, KeepRecord, read_keep
from grounding.layout import BOXES_FOLDER, KEEP_FOLDER, PREDICTIONS_FILE, SCORES_FILE, named_dataset

NEW, OLD = "new", "old"
"""Whether a set is what the run learns, or what it shall not forget."""

MAIN_CURVES = (("AP50", "F1_50"), ("CIDEr", "CIDEr_zh", "words_exact"), (TOKENS_KEPT,))
"""The curves that stand for a set, by what its answers are: the first that it defines."""


@dataclass(frozen=True)
class Gain:
    """A set's score at the start and now, and the folders of its answers then, if they are boxes or words.

    `score` is the key of scores.json, or `tokens_kept`.
    """

    name: str
    role: str
    score: str
    before: float
    after: float
    folders: tuple[Path, Path] | None = None


@dataclass(frozen=True)
class RunGains:
    """The gains of a run up to `step`, and the divergence from its base there, in nats a token."""

    gains: tuple[Gain, ...]
    step: int
    divergence: float


def read_run_gains(run: Path) -> RunGains | None:
    """Read what a run has gained and lost; None where it has not measured that twice yet.

    Raises:
        UserError: a file of the run that cannot be read.
    """
    record = read_keep(run)
    if record is None or len(record.points) < 2:
        return None
    last = record.points[-1]
    return RunGains((*_new_gains(run, last.step), *_old_gains(run, record)), last.step, last.divergence)


def _new_gains(run: Path, step: int) -> list[Gain]:
    """Return the gain on the validation images of the run's own data set, if it draws their curves."""
    folders = (run / BOXES_FOLDER / "step-0", run / BOXES_FOLDER / f"step-{step}")
    if not all((folder / SCORES_FILE).is_file() for folder in folders):
        return []
    values = [_curves_in(folder / SCORES_FILE) for folder in folders]
    dataset = named_dataset(folders[1])
    return _gains(dataset.name if dataset else BOXES_FOLDER, NEW, values[0], values[1], folders)


def _old_gains(run: Path, record: KeepRecord) -> list[Gain]:
    first, last = record.points[0], record.points[-1]
    gains: list[Gain] = []
    for one in record.sets:
        places = [run / KEEP_FOLDER / one.name / f"step-{point.step}" for point in (first, last)]
        folders = (places[0], places[1])
        values = [point.sets.get(one.name, {}) for point in (first, last)]
        gains += _gains(one.name, OLD, values[0], values[1], folders)
    return gains


def _gains(
    name: str,
    role: str,
    before: Mapping[str, float],
    after: Mapping[str, float],
    folders: tuple[Path, Path],
) -> list[Gain]:
    keys = {curve: key for key, curve in CURVES.items()}
    answered = folders if all((folder / PREDICTIONS_FILE).is_file() for folder in folders) else None
    chosen = (
        next((curve for curve in curves if curve in before and curve in after), None)
        for curves in MAIN_CURVES
    )
    return [
        Gain(name, role, keys.get(curve, curve), before[curve], after[curve], answered)
        for curve in chosen
        if curve is not None
    ]


def _curves_in(scores_file: Path) -> dict[str, float]:
    content = read_json(scores_file)
    if not isinstance(content, dict):
        raise UserError(f"{scores_file}: not scores: remove it")
    found = {curve: content.get(key) for key, curve in CURVES.items()}
    return {curve: float(value) for curve, value in found.items() if isinstance(value, int | float)}
