"""What a fine-tuning gained on new sets and lost on old ones, in one table: of two suites, or of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_json
from grounding.keep.keep_record import read_keep
from grounding.keep.run_gains import NEW, OLD, Gain, read_run_gains
from grounding.layout import dataset_of_checkpoint, named_dataset
from grounding.recipe.schema import suggestion
from grounding.run_record import read_run
from grounding.suites.suite_recipe import TABLE_JSON
from grounding.tables import format_table, markdown_table
from infer.scoring.changes import NotComparableError
from infer.scoring.metric_texts import show_change, show_interval, show_value
from infer.scoring.resampling.bootstrap import LEVEL
from infer.suite.set_changes import SetChange, mean_change, score_changes
from infer.suite.suite_means import SET


@dataclass(frozen=True)
class GainedAndLost:
    """The changes of all sets, from `before` to `after`; KL(tuned || base) where the tuned run measured it.

    `means` are over the sets of a role that were asked in one way. `notes` say what could not be compared.
    """

    before: str
    after: str
    changes: tuple[SetChange, ...]
    means: tuple[SetChange, ...]
    divergence: float | None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the table for a JSON file; shares are 0..1."""
        return {
            "before": self.before,
            "after": self.after,
            "sets": [_as_json(one) for one in self.changes],
            "means": [_as_json(one) for one in self.means],
            "divergence": self.divergence,
            "notes": list(self.notes),
        }

    def as_text(self) -> str:
        """Return the table, its summary and the notes for a terminal."""
        return "\n".join([format_table(*self._cells()), "", *self._lines()]) + "\n"

    def as_markdown(self) -> str:
        """Return the same as Markdown."""
        title = f"# From {self.before} to {self.after}: gained and lost"
        return "\n".join([title, "", markdown_table(*self._cells()), *self._lines()]) + "\n"

    @property
    def summary(self) -> str:
        """One line: the mean changes of new and of old sets, and the divergence."""
        parts = []
        for role, word in ((NEW, "new"), (OLD, "old"), ("", "all")):
            own = [one for one in self.means if one.role == role]
            if own:
                shown = ", ".join(f"{one.score} {show_change(one.score, one.change)}" for one in own)
                parts.append(f"{word} sets: {shown}")
        if self.divergence is not None:
            parts.append(f"KL(tuned || base) {self.divergence:.4f}")
        return "; ".join(parts)

    def _lines(self) -> list[str]:
        return [self.summary, *(f"note: {note}" for note in self.notes)]

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        header = ["set", "is", "asked", "score", self.before, self.after, "change", f"{LEVEL} %"]
        several = [one for one in self.means if one.sets > 1]
        rows = [_line(one) for one in self.changes]
        return header, [*rows, *([[""] * len(header)] if several else []), *map(_line, several)]


def is_suite(folder: Path) -> bool:
    """Tell whether a folder has the table of a suite."""
    return (folder / TABLE_JSON).is_file()


def compare_suites(runs: Mapping[str, Path], new: Sequence[str]) -> GainedAndLost:
    """Compare a suite of the base, the first of `runs`, with the same suite of the tuned model, the last.

    `new` names the sets that the model was tuned for; without it, they are those whose data set it was
    trained on.

    Raises:
        UserError: a folder without a suite's table, no common set, or a name in `new` that is none of a set.
    """
    (before, first), *_, (after, last) = runs.items()
    tables = [_read_table(folder) for folder in (first, last)]
    rows = [
        {(row["name"], row["asked"]): row for row in table["rows"] if row["kind"] == SET} for table in tables
    ]
    common = [key for key in rows[0] if key in rows[1]]
    if not common:
        raise UserError(f"{first} and {last}: no set is in both: run one suite on both checkpoints")
    names = dict.fromkeys(name for name, _ in common)
    for name in new:
        if name not in names:
            raise UserError(f"--new {name}: no such set in both suites{suggestion(name, names)}")
    checkpoints = [table.get("checkpoint") for table in tables]
    scores = [key for key in tables[0]["metrics"] if key in tables[1]["metrics"]]
    trained = _trained_on(checkpoints[1])
    changes: list[SetChange] = []
    notes = [f"{name}/{way} is in one of the suites alone" for name, way in rows[0].keys() ^ rows[1].keys()]
    for name, way in common:
        pair = [table[name, way] for table in rows]
        role = _role(name, new, pair[1].get("folder"), trained)
        found, note = _member_changes(name, pair, scores, tables[0]["bootstrap"]["draws"])
        changes += [replace(one, way=way, role=role) for one in found]
        notes += [f"{name}/{way}: no intervals: {note}"] if note else []
    divergence = _divergence(*checkpoints)
    return GainedAndLost(before, after, tuple(changes), _means(changes), divergence, tuple(sorted(notes)))


def compare_run(run: Path) -> GainedAndLost | None:
    """Compare a training run's start with its last evaluation; None where it does not measure what it keeps.

    Raises:
        UserError: a file of the run that cannot be read.
    """
    found = read_run_gains(run)
    if found is None:
        return None
    changes: list[SetChange] = []
    notes: list[str] = []
    for gain in found.gains:
        change, note = _gain_change(gain)
        changes.append(change)
        notes += [f"{gain.name}: no interval: {note}"] if note else []
    after = f"step {found.step}"
    return GainedAndLost("start", after, tuple(changes), _means(changes), found.divergence, tuple(notes))


def _gain_change(gain: Gain) -> tuple[SetChange, str]:
    """Return a gain with the interval of its answers, and why there is none."""
    bare = SetChange(gain.name, gain.role, "", gain.score, gain.before, gain.after)
    if gain.folders is None:
        return bare, ""
    try:
        found = score_changes(gain.name, *gain.folders, [gain.score])
    except (NotComparableError, UserError) as error:
        return bare, str(error)
    return (replace(found[0], role=gain.role), "") if found else (bare, "its answers define no such score")


def _member_changes(
    name: str, pair: Sequence[Mapping[str, Any]], scores: Sequence[str], draws: int
) -> tuple[list[SetChange], str]:
    """Return the changes of a set that two suites have, and why they have no intervals."""
    values = [row["values"] for row in pair]
    both = [key for key in scores if all(values_of.get(key) is not None for values_of in values)]
    bare = [SetChange(name, "", "", key, float(values[0][key]), float(values[1][key])) for key in both]
    first, last = (row.get("folder") for row in pair)
    if not (draws and first and last):
        return bare, ""
    try:
        return score_changes(name, Path(str(first)), Path(str(last)), both, draws), ""
    except (NotComparableError, UserError) as error:
        return bare, str(error)


def _means(changes: Sequence[SetChange]) -> tuple[SetChange, ...]:
    """Return the mean of each role, way and score; over one set it is the set's own."""
    groups: dict[tuple[str, str, str], list[SetChange]] = {}
    for one in changes:
        groups.setdefault((one.role, one.way, one.score), []).append(one)
    return tuple(
        mean_change(group, f"mean of {len(group)} {f'{role} ' if role else ''}sets")
        for (role, _, _), group in groups.items()
    )


def _role(name: str, new: Sequence[str], folder: Any, trained: Path | None) -> str:
    if new:
        return NEW if name in new else OLD
    dataset = named_dataset(Path(str(folder))) if folder else None
    if trained is None:
        return ""
    return NEW if dataset is not None and dataset.resolve() == trained else OLD


def _trained_on(checkpoint: Any) -> Path | None:
    """Return the data set that a checkpoint was trained on, None where that is not known."""
    found = dataset_of_checkpoint(Path(str(checkpoint))) if checkpoint else None
    return None if found is None else found.resolve()


def _divergence(base: Any, tuned: Any) -> float | None:
    """Return what the tuned checkpoint's run has measured, if the base is the one that it was tuned from."""
    for folder in (Path(str(tuned)), Path(str(tuned)).parent) if tuned and base else ():
        record, run = read_keep(folder), read_run(folder)
        if record is not None and run is not None and record.points:
            is_base = Path(run.model).resolve() == Path(str(base)).resolve()
            return record.points[-1].divergence if is_base else None
    return None


def _read_table(folder: Path) -> dict[str, Any]:
    path = folder / TABLE_JSON
    if not path.is_file():
        raise UserError(f"{path}: no such file: run `python -m infer.suite` first")
    content = read_json(path)
    try:
        for row in content["rows"]:
            _ = row["kind"], row["name"], row["asked"], dict(row["values"])
        _ = list(content["metrics"]), int(content["bootstrap"]["draws"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not the table of a suite ({error}): run it again") from error
    return dict(content)


def _as_json(one: SetChange) -> dict[str, Any]:
    return {
        "name": one.name,
        "role": one.role,
        "asked": one.way,
        "sets": one.sets,
        "score": one.score,
        "before": one.before,
        "after": one.after,
        "change": one.change,
        "interval": None if one.interval is None else list(one.interval),
    }


def _line(one: SetChange) -> list[str]:
    return [
        *(one.name, one.role, one.way, one.score),
        *(show_value(one.score, value) for value in (one.before, one.after)),
        show_change(one.score, one.change),
        show_interval(one.score, one.interval, sign=True),
    ]
