"""Training with a box head through `python -m train`: full and LoRA, resumed, two processes, and its file."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding.layout import BOX_HEAD_FILE, BOX_HEAD_FOLDER
from infer.engines.box_head_place import find_box_head
from infer.engines.checkpoint import find_checkpoint, fingerprint_checkpoint
from infer.engines.settings import EngineSettings
from models.heads.box_file import read_box_head
from tests.train.conftest import TrainHere, read_losses
from train.objectives.joint_head.growing_head import STATE_FILE

STEPS = 8
CURVE = re.compile(r" box_head_match: ([\d.e-]+)")
HEAD_FILE = f"{BOX_HEAD_FOLDER}/{BOX_HEAD_FILE}"
IN_PLACE = {"apart": False, "answers": 0.5, "into_model": True, "hidden": 8}
WAYS: list[dict[str, Any]] = [
    {"grounding_box_head": {"hidden": 8}},
    {"grounding_box_head": IN_PLACE},
    {"grounding_box_head": {"hidden": 8}, "fine_tuning": "LoRA", "lora_rank": 4, "packing": True},
    {"grounding_box_head": IN_PLACE, "fine_tuning": "LoRA", "lora_rank": 4, "gradient_accumulation_steps": 2},
]


@pytest.fixture
def train(make_recipe: Callable[..., Path], train_here: TrainHere, tmp_path: Path) -> Callable[..., Path]:
    """Train a few steps, and return the run's folder."""

    def run(name: str, **changes: Any) -> Path:
        folder = tmp_path / name
        recipe = make_recipe(
            **{
                "output_dir": str(folder),
                "logging_dir": str(folder / "visualdl"),
                "max_steps": STEPS,
                "save_steps": STEPS // 2,
                "save_total_limit": 2,
                "warmup_ratio": 0.0,
                **changes,
            }
        )
        code, said = train_here([recipe], [])
        assert code == 0, said
        return folder

    return run


def curve(run: Path) -> list[float]:
    """The loss of the head's match at every step, from the log."""
    return [float(value) for value in CURVE.findall((run / "logs" / "train.log").read_text(encoding="utf-8"))]


def weights_of(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.glob("*.safetensors")}


def test_a_run_has_the_head_that_inference_takes(train: Callable[..., Path]) -> None:
    run = train("run", grounding_box_head={"hidden": 8, "jittered": 0.8, "wrong": 0.1, "relabelled": 0.1})
    assert len(curve(run)) == STEPS
    checkpoint = find_checkpoint(run)
    head = find_box_head(EngineSettings(checkpoint=str(run), boxes="head"), checkpoint)
    assert head is not None
    assert head.card.checkpoint == fingerprint_checkpoint(checkpoint)
    assert (head.card.boxes, head.card.hidden) == (2 * STEPS, 8)
    assert head.card.settings["steps"] == STEPS
    assert head.card.measured["match_loss"] == pytest.approx(curve(run)[-1], rel=1e-4)
    assert np.abs(head.weights["match.linear"]).max() > 0
    assert not (run / BOX_HEAD_FOLDER / STATE_FILE).exists()
    log = (run / "logs" / "train.log").read_text(encoding="utf-8")
    assert "learn_box_head" in log
    assert re.search(r" box_head_fit: [\d.]+", log)


@pytest.mark.slow
def test_apart_the_model_learns_what_it_does_without_a_head(train: Callable[..., Path]) -> None:
    off, apart, in_place = (
        train("off", grounding_box_head=False),
        train("apart", **WAYS[0]),
        train("in_place", **WAYS[1]),
    )
    without = train("without")
    assert read_losses(off) == read_losses(without)
    assert curve(off) == []
    assert not (off / BOX_HEAD_FOLDER).exists()
    assert weights_of(off) == weights_of(without) == weights_of(apart)
    assert weights_of(in_place) != weights_of(off)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_run_has_the_losses_and_the_head_of_an_undisturbed_one(
    train: Callable[..., Path], way: dict[str, Any]
) -> None:
    run = train("run", **way)
    expected, losses = curve(run), read_losses(run)
    head, weights = read_box_head(run / HEAD_FILE), weights_of(run)
    shutil.rmtree(run / f"checkpoint-{STEPS}")
    shutil.rmtree(run / BOX_HEAD_FOLDER)
    for name in ("train_results.json", *weights):
        (run / name).unlink()
    train("run", **way)
    assert curve(run)[len(expected) :] == expected[len(expected) // 2 :]
    assert read_losses(run)[STEPS:] == losses[STEPS // 2 :]
    again = read_box_head(run / HEAD_FILE)
    assert again.card == head.card
    assert all(np.array_equal(head.weights[name], again.weights[name]) for name in head.weights)
    assert weights_of(run) == weights


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS[:2])
def test_two_processes_learn_what_one_does(train: Callable[..., Path], way: dict[str, Any]) -> None:
    one, two = (train(f"run{parts}", **way, tensor_model_parallel_size=parts) for parts in (1, 2))
    assert curve(two) == pytest.approx(curve(one), abs=2e-4)
    assert read_losses(two) == pytest.approx(read_losses(one), abs=2e-4)
    heads = [read_box_head(run / HEAD_FILE) for run in (one, two)]
    for name, values in heads[0].weights.items():
        assert heads[1].weights[name] == pytest.approx(values, abs=2e-3)
