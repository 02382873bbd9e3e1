"""Training near the start through `python -m train`: full and LoRA, resumed, two processes."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.train.conftest import TrainHere, read_losses

STEPS = 8
L2 = 30.0
CURVE = re.compile(r" l2_to_start: ([\d.e-]+)")
WAYS = [{}, {"fine_tuning": "LoRA", "lora_rank": 4, "learning_rate": 3.0e-2}]


@pytest.fixture
def train(make_recipe: Callable[..., Path], train_here: TrainHere, tmp_path: Path) -> Callable[..., Path]:
    """Train with the penalty, and return the run's folder."""

    def run(name: str, **changes: Any) -> Path:
        folder = tmp_path / name
        recipe = make_recipe(
            **{
                "grounding_l2_to_start": L2,
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
    """The penalty of every step, from the log."""
    return [float(value) for value in CURVE.findall((run / "logs" / "train.log").read_text(encoding="utf-8"))]


def distance(run: Path, start: Path) -> float:
    """The root of the sum of all squared changes of weights."""
    before, after = (
        {name: value for file in folder.glob("model*.safetensors") for name, value in load_file(file).items()}
        for folder in (start, run)
    )
    assert before.keys() == after.keys()
    return float(np.sqrt(sum(np.square(after[name] - value).sum() for name, value in before.items())))


def test_a_large_penalty_keeps_the_weights_at_the_start(train: Callable[..., Path], tiny_model: Path) -> None:
    run = train("run")
    logged = curve(run)
    assert len(logged) == len(read_losses(run)) == STEPS
    assert logged[0] == 0.0
    first_step = (2 * logged[1] / L2) ** 0.5  # each of Adam's steps without a penalty goes as far
    assert 0 < distance(run, tiny_model) < first_step / 2
    assert "stay_near_start" in (run / "logs" / "train.log").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_two_processes_learn_what_one_does(train: Callable[..., Path], way: dict[str, Any]) -> None:
    one, two = (train(f"run{parts}", **way, tensor_model_parallel_size=parts) for parts in (1, 2))
    assert len(curve(one)) == STEPS
    assert max(curve(one)) > 0.01
    assert curve(two) == pytest.approx(curve(one), rel=1e-3)
    assert read_losses(two) == pytest.approx(read_losses(one), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_run_has_the_losses_of_an_undisturbed_one(
    train: Callable[..., Path], way: dict[str, Any]
) -> None:
    run = train("run", **way)
    expected, losses = curve(run), read_losses(run)
    shutil.rmtree(run / f"checkpoint-{STEPS}")
    for name in ("train_results.json", *(path.name for path in run.glob("*.safetensors"))):
        (run / name).unlink()
    train("run", **way)
    assert curve(run)[STEPS:] == expected[STEPS // 2 :]
    assert read_losses(run)[STEPS:] == losses[STEPS // 2 :]


@pytest.mark.slow
def test_without_weight_a_run_has_the_losses_of_one_without_the_key(train: Callable[..., Path]) -> None:
    off, without = (train("off", grounding_l2_to_start=0.0), train("without", grounding_l2_to_start=...))
    assert read_losses(off) == read_losses(without)
    assert len(read_losses(off)) == STEPS
    assert curve(off) == curve(without) == []
