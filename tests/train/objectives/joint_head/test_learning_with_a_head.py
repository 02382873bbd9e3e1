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
from tests.train.conftest import SHORT_STEPS, logged_curve, read_losses
from train.objectives.joint_head.growing_head import STATE_FILE

CURVE = "box_head_match"
HEAD_FILE = f"{BOX_HEAD_FOLDER}/{BOX_HEAD_FILE}"
IN_PLACE = {"apart": False, "answers": 0.5, "into_model": True, "hidden": 8}
WAYS: list[dict[str, Any]] = [
    {"grounding_box_head": {"hidden": 8}},
    {"grounding_box_head": IN_PLACE},
    {
        "grounding_box_head": {"hidden": 8},
        "fine_tuning": "LoRA",
        "lora_rank": 4,
        "packing": True,
        "gradient_accumulation_steps": 2,
    },
]


def weights_of(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.glob("*.safetensors")}


def test_a_run_has_the_head_that_inference_takes(train_short: Callable[..., Path]) -> None:
    run = train_short(
        "run", grounding_box_head={"hidden": 8, "jittered": 0.8, "wrong": 0.1, "relabelled": 0.1}
    )
    assert len(logged_curve(run, CURVE)) == SHORT_STEPS
    checkpoint = find_checkpoint(run)
    head = find_box_head(EngineSettings(checkpoint=str(run), boxes="head"), checkpoint)
    assert head is not None
    assert head.card.checkpoint == fingerprint_checkpoint(checkpoint)
    assert (head.card.boxes, head.card.hidden) == (2 * SHORT_STEPS, 8)
    assert head.card.settings["steps"] == SHORT_STEPS
    assert head.card.measured["match_loss"] == pytest.approx(logged_curve(run, CURVE)[-1], rel=1e-4)
    assert np.abs(head.weights["match.linear"]).max() > 0
    assert not (run / BOX_HEAD_FOLDER / STATE_FILE).exists()
    log = (run / "logs" / "train.log").read_text(encoding="utf-8")
    assert "learn_box_head" in log
    assert re.search(r" box_head_fit: [\d.]+", log)


@pytest.mark.slow
def test_apart_the_model_learns_what_it_does_without_a_head(train_short: Callable[..., Path]) -> None:
    off, apart, in_place = (
        train_short("off", grounding_box_head=False),
        train_short("apart", **WAYS[0]),
        train_short("in_place", **WAYS[1]),
    )
    without = train_short("without")
    assert read_losses(off) == read_losses(without)
    assert logged_curve(off, CURVE) == []
    assert not (off / BOX_HEAD_FOLDER).exists()
    assert weights_of(off) == weights_of(without) == weights_of(apart)
    assert weights_of(in_place) != weights_of(off)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS[1:3])
def test_a_resumed_run_has_the_losses_and_the_head_of_an_undisturbed_one(
    train_short: Callable[..., Path], way: dict[str, Any]
) -> None:
    run = train_short("run", **way)
    expected, losses = logged_curve(run, CURVE), read_losses(run)
    head, weights = read_box_head(run / HEAD_FILE), weights_of(run)
    shutil.rmtree(run / f"checkpoint-{SHORT_STEPS}")
    shutil.rmtree(run / BOX_HEAD_FOLDER)
    for name in ("train_results.json", *weights):
        (run / name).unlink()
    train_short("run", **way)
    assert logged_curve(run, CURVE)[len(expected) :] == expected[len(expected) // 2 :]
    assert read_losses(run)[SHORT_STEPS:] == losses[SHORT_STEPS // 2 :]
    again = read_box_head(run / HEAD_FILE)
    assert again.card == head.card
    assert all(np.array_equal(head.weights[name], again.weights[name]) for name in head.weights)
    assert weights_of(run) == weights


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS[1:2])
def test_two_processes_learn_what_one_does(train_short: Callable[..., Path], way: dict[str, Any]) -> None:
    # At the usual rate of 0.1, AdamW turns rounding of small gradients into steps that are seen.
    slow = {"grounding_box_head": {**way["grounding_box_head"], "learning_rate": 1.0e-3}}
    one, two = (train_short(f"run{parts}", **slow, tensor_model_parallel_size=parts) for parts in (1, 2))
    assert logged_curve(two, CURVE) == pytest.approx(logged_curve(one, CURVE), abs=2e-4)
    assert read_losses(two) == pytest.approx(read_losses(one), abs=2e-4)
    heads = [read_box_head(run / HEAD_FILE) for run in (one, two)]
    for name, values in heads[0].weights.items():
        assert heads[1].weights[name] == pytest.approx(values, abs=2e-3)
