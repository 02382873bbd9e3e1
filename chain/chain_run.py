"""Runs a chain: each step that has something to do, in order, with a record before and after."""

import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from chain.chain_record import only_chain, read_step_records, write_step_records
from chain.content_stamps import stamp
from chain.planned_steps import PlannedStep
from chain.recipe_settings import check_before
from chain.step_decisions import (
    DONE,
    IS_CHANGED,
    IS_DONE,
    IS_INTERRUPTED,
    RUNNING,
    StepNow,
    StepRecord,
    Verdict,
    judge_step,
    judge_steps,
)
from chain.step_process import end_step, new_step_mark, run_step
from grounding.errors import UserError

log = logging.getLogger(__name__)

Steps = Sequence[PlannedStep]


def judge_chain(steps: Steps, records: Mapping[str, StepRecord]) -> dict[str, Verdict]:
    """Return what is to be done about each step, without doing anything."""
    return judge_steps({step.name: _now(step) for step in steps}, records)


def run_chain(steps: Steps, folder: Path, how_to_resume: str) -> int:
    """Run the steps that have something to do, and return 0, or the exit code of the first that failed.

    `folder` has the chain's record. Each step is one of the commands of this project: what it did already, it
    knows itself. Expensive output of other settings or inputs is renamed to NAME.old1 first.

    Raises:
        UserError: a recipe that cannot be trained, or another process runs this chain.
    """
    with only_chain(folder):
        records = read_step_records(folder)
        for step in steps:
            if (record := records.get(step.name)) and record.state == RUNNING and record.mark:
                end_step(record.mark)
        _check_recipes(steps, judge_chain(steps, records))
        for number, step in enumerate(steps, start=1):
            place = f"step {number} of {len(steps)}, {step.name}"
            now = _now(step)
            verdict = judge_step(now, step.name, records)
            if verdict.state == IS_DONE:
                log.info("%s: done already", place)
                continue
            log.info("%s: %s", place, "; ".join(verdict.reasons))
            before = records.get(step.name)
            if before and _must_move(step, verdict, before):
                _move_aside(step.output)
            records[step.name] = _started(step, now, verdict, records)
            write_step_records(folder, records)
            if code := _run_recorded(step, records, folder):
                log.error("%s: ended with exit code %d; to go on: %s", step.name, code, how_to_resume)
                return code
    return 0


def _now(step: PlannedStep) -> StepNow:
    found = {path: stamp(Path(path)) for path in step.given}
    inputs = {path: one for path, one in found.items() if one is not None}
    return StepNow(step.settings, step.parents, inputs, stamp(step.output))


def _check_recipes(steps: Steps, verdicts: Mapping[str, Verdict]) -> None:
    problems = []
    for step in steps:
        if verdicts[step.name].state == IS_DONE:
            continue
        try:
            check_before(step.words[0], Path(step.words[1]), step.words[2:])
        except UserError as error:
            problems.append(f"{step.where}: {step.name}: {error}")
    if problems:
        raise UserError("; ".join(problems))


def _started(
    step: PlannedStep, now: StepNow, verdict: Verdict, records: Mapping[str, StepRecord]
) -> StepRecord:
    """Return the record of a step that is about to run; a lost output keeps its stamp, to compare with."""
    before = records.get(step.name)
    number = before.number if before else 0
    goes_on = before is not None and verdict.state == IS_INTERRUPTED
    return StepRecord(
        number=number + 1 if before is None or verdict.state == IS_CHANGED else number,
        state=RUNNING,
        settings=now.settings,
        parents={name: records[name].number for name in step.parents},
        inputs=now.inputs,
        place=str(step.output),
        output=before.output if before and verdict.state != IS_CHANGED else None,
        seconds=before.seconds if before and goes_on else 0.0,
        mark=new_step_mark(),
    )


def _run_recorded(step: PlannedStep, records: dict[str, StepRecord], folder: Path) -> int:
    """Run a step's command, record how it ended, and return its exit code."""
    running = records[step.name]
    log.info("python -m %s", shlex.join(step.words))
    began = time.monotonic()
    ended = running
    try:
        code = run_step(step.words, running.mark)
        found = stamp(step.output)
        if code == 0 and found is None:
            log.error("%s: the command has not written %s", step.name, step.output)
            code = 1
        if code == 0:
            is_other = running.output not in (None, found)  # only a lost output has a stamp to compare with
            ended = replace(running, state=DONE, output=found, number=running.number + is_other)
    finally:
        seconds = round(running.seconds + time.monotonic() - began, 1)
        records[step.name] = replace(ended, seconds=seconds, mark="")
        write_step_records(folder, records)
    return code


def _must_move(step: PlannedStep, verdict: Verdict, before: StepRecord) -> bool:
    """Tell whether the old output of a step is moved aside: it is the result of other settings or inputs.

    What the command can go on with stays, and what is made anew in a moment is replaced.
    """
    if verdict.state != IS_CHANGED or not step.kind.is_expensive or before.place != str(step.output):
        return False
    return not all(
        any(key == known or key.startswith(f"{known}.") for known in step.kind.in_place)
        for key in verdict.changed_keys
    )


def _move_aside(output: Path) -> None:
    """Rename an output to NAME.old1, or the next number that is free.

    Raises:
        UserError: it cannot be renamed.
    """
    if not output.exists():
        return
    number = 1
    while (aside := output.with_name(f"{output.name}.old{number}")).exists():
        number += 1
    try:
        output.rename(aside)
    except OSError as error:
        raise UserError(f"{output}: cannot be renamed to {aside}: {error.strerror or error}") from error
    log.warning("%s: what was there is kept as %s: remove it when you do not need it", output, aside)
