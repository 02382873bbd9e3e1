"""Which steps of a chain have to run, and why: decided from what is recorded and what is there now."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RUNNING, DONE = "running", "done"
"""The states of a record; a step that was interrupted or failed stays `running`."""


@dataclass(frozen=True)
class StepRecord:
    """What a chain knows of the last run of a step.

    `number` counts its results: it changes when the step runs with other settings or inputs, or has written
    something else. `parents` has the numbers of the steps that it read, `inputs` the stamps of other files
    and folders, `output` that of what it wrote to `place`. `seconds` sums its starts but killed ones.
    """

    number: int
    state: str
    settings: Mapping[str, Any]
    parents: Mapping[str, int]
    inputs: Mapping[str, str | None]
    place: str
    output: str | None = None
    seconds: float = 0.0
    mark: str = ""


@dataclass(frozen=True)
class StepNow:
    """A step as it should be, and the stamps of what it reads and of what lies in the place of its output."""

    settings: Mapping[str, Any]
    parents: Sequence[str]
    inputs: Mapping[str, str | None]
    output: str | None


IS_DONE, IS_NEW, IS_INTERRUPTED, IS_CHANGED, IS_LOST, IS_OPEN = (
    "done",
    "to do",
    "interrupted",
    "changed",
    "lost",
    "open",
)


@dataclass(frozen=True)
class Verdict:
    """What is to be done about a step, and why.

    done         nothing
    to do        it has not run in this chain
    interrupted  it started with these settings and inputs, and goes on
    changed      its settings or inputs are others than those of its last run
    lost         its output is gone or another one, and it runs again with the same settings and inputs
    open         it is done if a lost step before it gives the same output again
    """

    state: str
    reasons: tuple[str, ...] = ()
    changed_keys: frozenset[str] = field(default=frozenset())
    """The settings that changed, and the names of the steps and inputs that were read and are others now."""


def judge_steps(now: Mapping[str, StepNow], records: Mapping[str, StepRecord]) -> dict[str, Verdict]:
    """Return the verdict about each step; `now` has every step behind its parents.

    A changed step makes all steps that depend on it run again, and no others.
    """
    verdicts: dict[str, Verdict] = {}
    for name, step in now.items():
        verdicts[name] = _verdict(step, records.get(name), records, verdicts)
    return verdicts


def judge_step(step: StepNow, name: str, records: Mapping[str, StepRecord]) -> Verdict:
    """Return the verdict about a step whose parents are done."""
    return _verdict(step, records.get(name), records, dict.fromkeys(step.parents, Verdict(IS_DONE)))


def _verdict(
    step: StepNow,
    record: StepRecord | None,
    records: Mapping[str, StepRecord],
    verdicts: Mapping[str, Verdict],
) -> Verdict:
    if record is None:
        return Verdict(IS_NEW, ("has not run yet",))
    changes = list(_changes(step, record, records, verdicts))
    if changes:
        reasons = tuple(reason for _, reason in changes)
        return Verdict(IS_CHANGED, reasons, frozenset(key for key, _ in changes if key is not None))
    if record.state == RUNNING:
        return Verdict(IS_INTERRUPTED, ("resumes",))
    if step.output is None:
        return Verdict(IS_LOST, ("its output is gone",))
    if step.output != record.output:
        return Verdict(IS_LOST, ("its output was changed by another command",))
    if open_parents := [name for name in step.parents if verdicts[name].state != IS_DONE]:
        return Verdict(IS_OPEN, tuple(f"if {name} comes out otherwise" for name in open_parents))
    return Verdict(IS_DONE)


def _changes(
    step: StepNow,
    record: StepRecord,
    records: Mapping[str, StepRecord],
    verdicts: Mapping[str, Verdict],
) -> Iterator[tuple[str | None, str]]:
    """Yield the key and the description of everything that is not as at the last run.

    The key is None for what was not read then, or is not read now.
    """
    for key in sorted(step.settings.keys() | record.settings.keys()):
        there, here = record.settings.get(key), step.settings.get(key)
        if there != here:
            yield key, f"{key}: {_short(there)} -> {_short(here)}"
    for path in sorted(step.inputs.keys() | record.inputs.keys()):
        there, here = record.inputs.get(path), step.inputs.get(path)
        if there != here:
            yield (path if there and here else None), f"{path} {_event(there, here)}"
    for name in sorted({*step.parents, *record.parents}):
        if name not in step.parents:
            yield None, f"does not depend on {name} any more"
        elif name not in record.parents:
            yield None, f"depends on {name} now"
        elif verdicts[name].state in (IS_NEW, IS_INTERRUPTED, IS_CHANGED):
            yield name, f"{name} runs before it"
        elif records[name].number != record.parents[name]:
            yield name, f"{name} has run again"


def _event(there: str | None, here: str | None) -> str:
    return "is read now" if there is None else "is not read any more, or gone" if here is None else "changed"


def _short(value: object) -> str:
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
