"""Run the steps one after the other, and go on after a failure with what does not depend on it."""

import logging
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from grounding.errors import UserError
from grounding.files import read_json, write_json
from train.gpu_check.execution.choosing import on_gpus, unmet_memory, unmet_need, unmet_steps
from train.gpu_check.execution.finished import begin_step, circumstances_of, read_passed, save_result
from train.gpu_check.finding import LEFT_OUT, PASSED, WRONG, Found, StepFailedError
from train.gpu_check.step import Step
from train.gpu_check.workplace import Workplace
from train.launch.processes import end_processes

log = logging.getLogger(__name__)

MARK_FILE = "mark.json"
LOCK_FILE = ".lock"


@dataclass(frozen=True)
class StepOutcome:
    """A step with its finding; `mark` is that of its result, None for a step that was left out."""

    step: Step
    found: Found
    mark: str | None = None


def run_steps(steps: Sequence[Step], place: Workplace, again: set[str]) -> list[StepOutcome]:
    """Run the steps and return an outcome for each.

    A step that has passed is not run again, unless it is named in `again`, or a step that it needs was run
    again.
    """
    circumstances = circumstances_of(place)
    outcomes: dict[str, StepOutcome] = {}
    for step in steps:
        log.info("%d %s: %s", step.number, step.name, step.shows)
        built_on = {name: outcomes[name].mark or "" for name in step.needs.steps if name in outcomes}
        folder = place.folder_of(step.name)
        earlier = None if step.name in again else read_passed(folder, circumstances, built_on)
        verdicts = {name: outcome.found.verdict for name, outcome in outcomes.items()}
        if earlier:
            found = Found(earlier.expected, earlier.found, earlier.verdict, place.log_of(step.name))
            outcomes[step.name] = StepOutcome(step, found, earlier.mark)
            _say(found, "passed before")
        elif reason := _why_not(step, place, verdicts):
            outcomes[step.name] = StepOutcome(step, Found(step.shows, reason, LEFT_OUT))
            _say(outcomes[step.name].found, LEFT_OUT)
        else:
            outcomes[step.name] = _run(step, place, circumstances, built_on)
    return list(outcomes.values())


def _why_not(step: Step, place: Workplace, verdicts: dict[str, str]) -> str | None:
    return unmet_need(step, place) or unmet_steps(step, verdicts, PASSED) or unmet_memory(step, place)


def _run(step: Step, place: Workplace, circumstances: str, built_on: dict[str, str]) -> StepOutcome:
    """Run one step, save its result, and return its outcome; whatever it raises is its finding."""
    folder, started = place.folder_of(step.name), time.monotonic()
    begin_step(folder)
    if not place.machine.has_gpu and (wanted := on_gpus(step)):
        log.info("  on the CPU with a tiny model; on a machine with GPUs it needs %s", wanted)
    try:
        found = step.check(place)
    except (StepFailedError, UserError) as error:
        found = Found(step.shows, " ".join(str(error).split()), WRONG)
    except Exception as error:  # noqa: BLE001 (a fault of the check itself fails this step, not the others)
        with place.log_of(step.name).open("a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        found = Found(step.shows, f"{type(error).__name__}: {error}", WRONG)
    result = save_result(folder, found, time.monotonic() - started, circumstances, built_on)
    _say(found, f"{found.verdict} in {result.seconds:.0f} s")
    return StepOutcome(step, replace(found, log=place.log_of(step.name)), result.mark)


def _say(found: Found, verdict: str) -> None:
    log.info("  %s: %s", verdict, found.found)


@contextmanager
def alone_in(folder: Path, mark: str) -> Iterator[None]:
    """Hold a folder for this start, end what a killed start has left running, and save this start's mark.

    Raises:
        UserError: another check runs in this folder, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILE, timeout=0)
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"output_dir: another check runs in '{folder}': wait for it, or name another"
        ) from error
    except OSError as error:
        raise UserError(f"output_dir: '{folder}' cannot be written: {error.strerror or error}") from error
    try:
        path = folder / MARK_FILE
        if path.is_file():
            end_processes(str(read_json(path)["mark"]))
        write_json(path, {"mark": mark})
        yield
        path.unlink()
    finally:
        end_processes(mark)  # an interrupt can come while a process is being started
        lock.release()
