"""Real training through `python -m train`: a few steps, stopped in the middle and gone on with."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
STEPS = 12
START = re.compile(r"^[-\d]+ [:\d]+ \S+paddleformers-cli train ", re.MULTILINE)
LOSS = re.compile(r"loss: ([\d.]+), learning_rate: \S+ global_step: (\d+)")


def start(recipe: Path, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "train", str(recipe), *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: "subprocess.Popen[str]") -> str:
    said, _ = process.communicate(timeout=180)
    assert process.returncode == 0, said
    return said


def losses(folder: Path) -> list[tuple[int, float]]:
    """Return (step, loss) of the last start, from the log."""
    text = START.split((folder / "logs" / "train.log").read_text(encoding="utf-8"))[-1]
    return [(int(step), float(loss)) for loss, step in LOSS.findall(text)]


@pytest.mark.slow
def test_a_stopped_run_ends_like_an_undisturbed_one(make_recipe: Callable[..., Path], tmp_path: Path) -> None:
    recipe = make_recipe(max_steps=STEPS, save_steps=4, save_total_limit=1, dataloader_num_workers=1)
    stopped, whole = tmp_path / "run", tmp_path / "whole"

    process = start(recipe)
    deadline = time.monotonic() + 120
    while not (stopped / "checkpoint-4" / "scheduler.pdparams").is_file() and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "goes on from its newest checkpoint" in said
    assert not (stopped / "train_results.json").exists()

    assert re.search(r"goes on from checkpoint-\d", finish(start(recipe)))
    finish(start(recipe, f"output_dir={whole}"))
    after = losses(stopped)
    assert after[0][0] > 4
    assert after[-1][0] == STEPS
    assert dict(after) == pytest.approx({step: dict(losses(whole))[step] for step, _ in after}, rel=1e-4)

    for folder in (stopped, whole):
        assert list(folder.glob("*.safetensors"))
        names = ("config.json", "tokenizer.json", "vocab.json", "merges.txt", "chat_template.jinja")
        for name in (*names, "preprocessor_config.json", "video_preprocessor_config.json"):
            assert (folder / name).is_file(), name
        assert yaml.safe_load((folder / "train.yaml").read_text())["max_steps"] == STEPS
    assert "trained already" in finish(start(recipe))
    assert [record.value for record in curve(whole / "visualdl", "train/loss")] == pytest.approx(
        [loss for _, loss in losses(whole)], rel=1e-4
    )


def curve(folder: Path, tag: str) -> list[object]:
    from visualdl import LogReader

    file = max(folder.glob("vdlrecords.*"))
    return list(LogReader(file_path=str(file)).get_data("scalar", tag))
