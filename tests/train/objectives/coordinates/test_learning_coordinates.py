"""Training with the loss of coordinates through `python -m train`: full and LoRA, resumed, two processes."""

import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.train.conftest import SHORT_STEPS, logged_curve, read_losses

CURVE = "coordinate_loss"
WAYS = [{}, {"fine_tuning": "LoRA", "lora_rank": 4}]


@pytest.fixture
def train(train_short: Callable[..., Path]) -> Callable[..., Path]:
    """Train with the loss, and return the run's folder."""
    return partial(train_short, grounding_coordinate_loss=0.5)


def test_a_run_lowers_the_loss_of_coordinates_and_draws_it(
    train: Callable[..., Path], drawn_data: Path, tmp_path: Path
) -> None:
    from visualdl import LogReader

    shutil.copytree(drawn_data / "images", tmp_path / "images")
    two_records = tmp_path / "two.jsonl"
    lines = (drawn_data / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    two_records.write_text("".join(lines[:2]), encoding="utf-8")
    files = {"train_dataset_path": str(two_records), "eval_dataset_path": str(two_records)}
    evaluated_at_end = {"do_eval": True, "evaluation_strategy": "steps", "eval_steps": SHORT_STEPS}
    run = train("run", **files, **evaluated_at_end, learning_rate=1.0e-3)
    logged, losses = logged_curve(run, CURVE), read_losses(run)
    assert len(logged) == len(losses) == SHORT_STEPS
    assert logged[-1] < logged[0] * 0.7
    [file] = (run / "visualdl").rglob("vdlrecords.*")
    drawn = [
        point.value for point in LogReader(file_path=str(file)).get_data("scalar", "train/coordinate_loss")
    ]
    assert drawn == pytest.approx(logged, rel=1e-5)
    log = (run / "logs" / "train.log").read_text(encoding="utf-8")
    assert "sharpen_coordinates" in log
    [evaluated] = re.findall(r"eval_loss: ([\d.]+)", log)[-1:]
    assert float(evaluated) == pytest.approx(
        losses[-1] - 0.5 * logged[-1], abs=0.3
    )  # the cross entropy alone


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_two_processes_learn_what_one_does(train: Callable[..., Path], way: dict[str, Any]) -> None:
    one, two = (train(f"run{parts}", **way, tensor_model_parallel_size=parts) for parts in (1, 2))
    assert len(logged_curve(one, CURVE)) == SHORT_STEPS
    assert logged_curve(two, CURVE) == pytest.approx(logged_curve(one, CURVE), abs=1e-4)
    assert read_losses(two) == pytest.approx(read_losses(one), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_run_has_the_losses_of_an_undisturbed_one(
    train: Callable[..., Path], way: dict[str, Any]
) -> None:
    run = train("run", **way)
    expected = logged_curve(run, CURVE)
    shutil.rmtree(run / f"checkpoint-{SHORT_STEPS}")
    for name in ("train_results.json", *(path.name for path in run.glob("*.safetensors"))):
        (run / name).unlink()
    train("run", **way)
    again = logged_curve(run, CURVE)[SHORT_STEPS:]
    assert again == expected[SHORT_STEPS // 2 :]


@pytest.mark.slow
def test_without_weight_a_run_has_the_losses_of_one_without_the_key(train: Callable[..., Path]) -> None:
    off, without = (
        train("off", grounding_coordinate_loss=0.0),
        train("without", grounding_coordinate_loss=...),
    )
    assert read_losses(off) == read_losses(without)
    assert len(read_losses(off)) == SHORT_STEPS
    assert logged_curve(off, CURVE) == logged_curve(without, CURVE) == []
