"""Start a training run: check the recipe, find out where to resume, run PaddleFormers, record the end."""

import logging
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.run_record import FAILED, FINISHED, STOPPED
from train.checkpoints import newest_checkpoint
from train.child_environment import remove_environment_dumps
from train.launch.command import command, cpu_processes, environment
from train.launch.finished_head import finish_head, remove_head
from train.launch.manifest import record_end, record_start
from train.launch.processes import end_earlier_start, new_mark
from train.launch.provenance import devices_of
from train.launch.run_folder import is_finished, log_of, make_log_folder, remove_run
from train.launch.watch import run_child
from train.machine import machine_has_gpu
from train.nodes import this_node
from train.preflight.all_checks import check_recipe
from train.recipe import has_weights, save_train_recipe

log = logging.getLogger(__name__)


def train(path: Path, overrides: Iterable[str] = ()) -> int:
    """Check a recipe, run it and return the exit code: 0 only if the weights are there.

    An interrupted run resumes from its newest checkpoint. A finished run is left alone.

    Raises:
        UserError: the problems that the check finds.
    """
    recipe = check_recipe(path, overrides)
    folder = Path(recipe["output_dir"])
    if this_node().rank:
        return join_first_node(recipe, folder)
    end_earlier_start(folder)
    if recipe.pop("overwrite_output_dir", False):
        remove_run(folder)
        remove_head(folder)
    elif is_finished(folder):
        finish_head(recipe, folder)
        _say_finished(folder)
        return 0
    resume_from = newest_checkpoint(folder)
    save_train_recipe(recipe, folder)
    if resume_from:
        log.info("%s: resumes from %s", folder, resume_from.name)
    return _run_and_record(recipe, folder, resume_from.name if resume_from else None)


def _run_and_record(recipe: dict[str, Any], folder: Path, resume_from: str | None) -> int:
    """Run a job's first node, keep run.json, and return the exit code."""
    has_gpu, log_file = machine_has_gpu(), log_of(folder)
    remove_environment_dumps(make_log_folder(folder))  # a start that was killed leaves them
    started, mark = time.time(), new_mark()
    devices = devices_of(cpu_processes(recipe), has_gpu=has_gpu)
    record_start(recipe, folder, resume_from, devices, mark)
    state = FAILED
    try:
        child = command(recipe, folder, has_gpu), environment(recipe, folder, has_gpu)
        code = run_child(*child, log_file, folder, mark=mark, how_to_resume=lambda: how_to_resume(folder))
        if code == 0 and not has_weights(folder, since=started):
            log.error("%s: the training ended without saving weights; see %s", folder, log_file)
            code = 1
        if code == 0:
            finish_head(recipe, folder)
        state = FAILED if code else FINISHED
    except KeyboardInterrupt:
        state = STOPPED
        raise
    finally:
        remove_environment_dumps(log_file.parent)
        with suppress(UserError) if state != FINISHED else nullcontext():  # the disk may be full
            record_end(folder, state)
    if code == 0:
        log.info("%s: trained in %.0f s", folder, time.time() - started)
    return code


def how_to_resume(folder: Path) -> str:
    """Say what the same command will do next."""
    checkpoint = newest_checkpoint(folder)
    if checkpoint is None:
        return "there is no checkpoint yet, the same command starts from the beginning"
    return f"the same command resumes from its newest checkpoint, {checkpoint.name}"


def join_first_node(recipe: dict[str, Any], folder: Path) -> int:
    """Run this node's part of a job and return its exit code; the first node keeps the run's records."""
    if not recipe.pop("overwrite_output_dir", False) and is_finished(folder):
        _say_finished(folder)
        return 0
    save_train_recipe(recipe, folder)  # the same bytes as the first node's, which may start later
    has_gpu = machine_has_gpu()
    logs = make_log_folder(folder)
    remove_environment_dumps(logs)
    try:
        child = command(recipe, folder, has_gpu), environment(recipe, folder, has_gpu)
        return run_child(*child, logs / "train.log", folder)
    finally:
        remove_environment_dumps(logs)


def _say_finished(folder: Path) -> None:
    log.info("%s: is trained already; overwrite_output_dir=true trains it again", folder)
