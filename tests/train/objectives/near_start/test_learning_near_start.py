"""Training near the start by `python -m train`: full and LoRA, resumed, two processes, both penalties."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.train.conftest import SHORT_STEPS, logged_curve, read_losses
from train.fisher.fisher_pass import measure_fisher
from train.fisher.fisher_settings import FisherSettings

L2 = 30.0
EWC_WEIGHT = 1.0e4
CURVES = ("l2_to_start", "ewc")
WAYS = [{}, {"fine_tuning": "LoRA", "lora_rank": 4, "learning_rate": 3.0e-2}]


@pytest.fixture(scope="module")
def fisher(tiny_model: Path, drawn_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Fisher information of the start."""
    file = tmp_path_factory.mktemp("fisher") / "fisher.safetensors"
    measure_fisher(tiny_model, drawn_data, FisherSettings(limit=2, output=str(file)))
    return file


@pytest.fixture
def train(train_short: Callable[..., Path], fisher: Path) -> Callable[..., Path]:
    """Train with both penalties, and return the run's folder."""
    ewc = {"fisher": str(fisher), "weight": EWC_WEIGHT}
    return partial(train_short, grounding_l2_to_start=L2, grounding_ewc=ewc)


def distance(run: Path, start: Path) -> float:
    """The root of the sum of all squared changes of weights."""
    before, after = (
        {name: value for file in folder.glob("model*.safetensors") for name, value in load_file(file).items()}
        for folder in (start, run)
    )
    assert before.keys() == after.keys()
    return float(np.sqrt(sum(np.square(after[name] - value).sum() for name, value in before.items())))


def test_a_large_penalty_keeps_the_weights_at_the_start(train: Callable[..., Path], tiny_model: Path) -> None:
    run = train("run", grounding_ewc=...)
    logged = logged_curve(run, "l2_to_start")
    assert len(logged) == len(read_losses(run)) == SHORT_STEPS
    assert logged[0] == 0.0
    first_step = (2 * logged[1] / L2) ** 0.5  # each of Adam's steps without a penalty goes as far
    assert 0 < distance(run, tiny_model) < first_step / 2
    assert "stay_near_start" in (run / "logs" / "train.log").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_two_processes_learn_what_one_does(train: Callable[..., Path], way: dict[str, Any]) -> None:
    one, two = (train(f"run{parts}", **way, tensor_model_parallel_size=parts) for parts in (1, 2))
    for name in CURVES:
        assert len(logged_curve(one, name)) == SHORT_STEPS
        assert max(logged_curve(one, name)) > 0.01
        assert logged_curve(two, name) == pytest.approx(logged_curve(one, name), rel=1e-3)
    assert read_losses(two) == pytest.approx(read_losses(one), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_run_has_the_losses_of_an_undisturbed_one(
    train: Callable[..., Path], way: dict[str, Any]
) -> None:
    run = train("run", **way)
    expected, losses = [logged_curve(run, name) for name in CURVES], read_losses(run)
    shutil.rmtree(run / f"checkpoint-{SHORT_STEPS}")
    for name in ("train_results.json", *(path.name for path in run.glob("*.safetensors"))):
        (run / name).unlink()
    train("run", **way)
    for name, before in zip(CURVES, expected, strict=True):
        assert logged_curve(run, name)[SHORT_STEPS:] == before[SHORT_STEPS // 2 :]
    assert read_losses(run)[SHORT_STEPS:] == losses[SHORT_STEPS // 2 :]


@pytest.mark.slow
def test_without_weight_a_run_has_the_losses_of_one_without_the_key(train: Callable[..., Path]) -> None:
    off, without = (
        train("off", grounding_l2_to_start=0.0, grounding_ewc=None),
        train("without", grounding_l2_to_start=..., grounding_ewc=...),
    )
    assert read_losses(off) == read_losses(without)
    assert len(read_losses(off)) == SHORT_STEPS
    assert logged_curve(off, "l2_to_start") == logged_curve(without, "l2_to_start") == []
