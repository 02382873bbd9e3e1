"""Real training through `python -m train`: killed, out of disk, half written, and gone on with."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from grounding.run_record import RunRecord, read_run
from tests.train.conftest import HANG_SECONDS, SAVE_STEPS, SLOW, STEPS
from train.checkpoints import what_is_missing
from train.launch.processes import marked
from train.runs import runs_table

START = re.compile(r"^[-\d]+ [:\d]+ \S+ -[mS] ", re.MULTILINE)
LOSS = re.compile(r"loss: ([\d.]+), learning_rate: \S+ global_step: (\d+)")
COMPLETE = ("config.json", "tokenizer.json", "vocab.json", "merges.txt", "chat_template.jinja")
COMPLETE += ("preprocessor_config.json", "video_preprocessor_config.json")

Training = Callable[..., "subprocess.Popen[str]"]


def losses(folder: Path) -> list[tuple[int, float]]:
    """Return (step, loss) of the last start, from the log."""
    log_file = folder / "logs" / "train.log"
    text = log_file.read_text(encoding="utf-8") if log_file.is_file() else ""
    return [(int(step), float(loss)) for loss, step in LOSS.findall(START.split(text)[-1])]


def mean_loss(folder: Path) -> float:
    return float(json.loads((folder / "all_results.json").read_text())["train_loss"])


def wait_for_checkpoint(process: "subprocess.Popen[str]", folder: Path, step: int) -> None:
    """Wait until a checkpoint is complete; the log of a run is up to two seconds behind."""
    deadline = time.monotonic() + HANG_SECONDS
    checkpoint = folder / f"checkpoint-{step}"
    while not checkpoint.is_dir() or what_is_missing(checkpoint):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, f"no {checkpoint} within {HANG_SECONDS} seconds"
        time.sleep(0.01)


def wait_for_trainer(process: "subprocess.Popen[str]", folder: Path) -> list[int]:
    """Return the processes of a run when one of them trains: to look for them takes as long as some steps."""
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        record = read_run(folder)
        processes = marked(record.mark) if record else []
        if trainers_of(processes):
            return processes
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    raise AssertionError(f"no process trains within {HANG_SECONDS} seconds")


def record_of(run: Path) -> RunRecord:
    record = read_run(run)
    assert record
    return record


def kill_everything(start_training: Training, recipe: Path, run: Path) -> None:
    """Start a run, and kill all of its processes after a checkpoint, as if the machine went down."""
    process = start_training(recipe)
    children = wait_for_trainer(process, run)
    wait_for_checkpoint(process, run, SAVE_STEPS)
    kill([process.pid, *children])
    kill(marked(record_of(run).mark))  # the workers of its loader, which start with the training
    process.communicate()
    assert re.search(
        rf"^run .* full .*stopped at \d+, resumes from {SAVE_STEPS}$", runs_table(run.parent), re.M
    )


def kill(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # the start runs commands that end by themselves
            os.kill(process, signal.SIGKILL)


def fill_the_disk(start_training: Training, recipe: Path, run: Path) -> None:
    """Resume, and let the disk fill up while the next checkpoint is saved: 1 MB is less than its tensors."""
    process = start_training(recipe)
    for child in wait_for_trainer(process, run):
        with suppress(ProcessLookupError):
            resource.prlimit(child, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    said, _ = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 1
    assert f"resumes from checkpoint-{SAVE_STEPS}" in said
    [line] = [line for line in said.splitlines() if "failed" in line]
    assert "the disk is full: make room, then the same command resumes from its newest checkpoint" in line
    assert f"checkpoint-{SAVE_STEPS};" in line
    assert "Traceback" not in said
    assert [path.name for path in run.glob("checkpoint-*")] == [f"checkpoint-{SAVE_STEPS}"]


def kill_the_trainer(start_training: Training, recipe: Path, run: Path) -> None:
    """Resume, and kill only the process that trains after the next checkpoint."""
    process = start_training(recipe)
    [trainer] = trainers_of(wait_for_trainer(process, run))
    wait_for_checkpoint(process, run, 2 * SAVE_STEPS)
    os.kill(trainer, signal.SIGKILL)
    said, _ = process.communicate(timeout=HANG_SECONDS)
    assert process.returncode == 1, said
    assert f"resumes from its newest checkpoint, checkpoint-{2 * SAVE_STEPS};" in said
    assert not marked(record_of(run).mark)


def leave_half_a_checkpoint(run: Path) -> None:
    """Leave what a kill leaves that comes while a checkpoint is written."""
    half = run / "checkpoint-21"
    shutil.copytree(run / f"checkpoint-{2 * SAVE_STEPS}", half)
    shard = half / "optimizer_state" / "0_0.distcp"
    os.truncate(shard, shard.stat().st_size // 2)


@pytest.mark.slow
@pytest.mark.xdist_group("runs")
def test_a_run_that_is_killed_and_out_of_disk_ends_like_an_undisturbed_one(
    write_recipe: Callable[..., Path],
    start_training: Training,
    finish_training: Callable[..., str],
    full_run: Path,
    tmp_path: Path,
) -> None:
    recipe = write_recipe(tmp_path, max_steps=STEPS, save_steps=SAVE_STEPS, save_total_limit=1, **SLOW)
    run = tmp_path / "run"
    kill_everything(start_training, recipe, run)
    fill_the_disk(start_training, recipe, run)
    kill_the_trainer(start_training, recipe, run)
    leave_half_a_checkpoint(run)
    said = finish_training(recipe)
    assert "checkpoint-21: skipped and removed, it was not written to its end: " in said
    assert f"resumes from checkpoint-{2 * SAVE_STEPS}" in said

    skipped = 2 * SAVE_STEPS * SLOW["gradient_accumulation_steps"]
    log = (run / "logs" / "train.log").read_text()
    assert f"resume: the first {skipped} batches are skipped without encoding their records" in log

    whole = dict(losses(full_run))
    after = dict(losses(run))
    assert list(after) == list(range(2 * SAVE_STEPS + 1, STEPS + 1))
    assert after == pytest.approx({step: whole[step] for step in after}, rel=1e-4)
    assert abs(after[STEPS] - whole[STEPS]) < 1e-3

    assert mean_loss(run) == pytest.approx(
        mean_loss(full_run), rel=1e-4
    )  # of all steps, not since the resume
    assert mean_loss(full_run) == pytest.approx(sum(whole.values()) / STEPS, rel=1e-4)

    record = record_of(run)
    assert [start.state for start in record.starts] == ["killed", "failed", "failed", "finished"]
    resumed_from = [None, *(f"checkpoint-{step}" for step in (8, 8, 16))]
    assert [start.resumed_from for start in record.starts] == resumed_from
    assert (record.step, record.max_steps, record.loss) == (STEPS, STEPS, after[STEPS])


def trainers_of(processes: list[int]) -> list[int]:
    """Return the process that trains, if one does; its launcher and its loader's workers do not."""

    def read(process: int, name: str) -> str:
        try:
            return Path(f"/proc/{process}/{name}").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            return ""

    lines = {process: read(process, "cmdline") for process in processes}
    found = [
        process
        for process, line in lines.items()
        if "plain_process.py" in line and "paddle.distributed.launch" not in line
    ]
    return [
        process for process in found if int(read(process, "stat").rpartition(")")[2].split()[1]) not in found
    ]


@pytest.mark.slow
@pytest.mark.xdist_group("runs")
def test_a_finished_run_is_complete_and_is_left_alone(
    full_run: Path, finish_training: Callable[..., str], tiny_model: Path
) -> None:
    assert list(full_run.glob("*.safetensors"))
    for name in COMPLETE:
        assert (full_run / name).is_file(), name
    assert yaml.safe_load((full_run / "train.yaml").read_text())["max_steps"] == STEPS
    curve = [record.value for record in read_curve(full_run / "visualdl", "train/loss")]
    assert curve == pytest.approx([loss for _, loss in losses(full_run)], rel=1e-4)

    record = record_of(full_run)
    assert (record.model, record.method) == (str(tiny_model), "full")
    assert record.versions["paddleformers"] == "1.2.0"
    assert record.devices["kind"] in ("cpu", "gpu")
    assert len(record.data["train"]["sha256"]) == 1
    [start] = record.starts
    assert (start.state, start.resumed_from) == ("finished", None)
    assert (start.seconds or 0) > 0
    assert f"full    {STEPS}/{STEPS}" in runs_table(full_run.parent)
    before = (full_run / "run.json").read_bytes()
    assert "trained already" in finish_training(full_run.parent / "recipe.yaml")
    assert (full_run / "run.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.xdist_group("runs")
def test_ctrl_c_leaves_no_process_of_a_parallel_run(interrupted_parallel_run: dict[str, Any]) -> None:
    stopped = interrupted_parallel_run["stopped"]
    assert stopped["code"] == 130, stopped["said"]
    assert stopped["left"] == []
    assert re.search(
        r"stopped; the same command resumes from its newest checkpoint, checkpoint-\d", stopped["said"]
    )
    assert re.search(r"resumes from checkpoint-\d", interrupted_parallel_run["resumed"])
    record = record_of(interrupted_parallel_run["run"])
    assert [start.state for start in record.starts] == ["stopped", "finished"]
    assert record.evaluation["loss"] > 0


def read_curve(folder: Path, tag: str) -> list[Any]:
    from visualdl import LogReader

    file = max(folder.glob("vdlrecords.*"))
    return list(LogReader(file_path=str(file)).get_data("scalar", tag))
