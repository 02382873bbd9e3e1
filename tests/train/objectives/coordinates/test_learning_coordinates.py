"""Training with the loss of coordinates through `python -m train`: full and LoRA, resumed, two processes."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train.conftest import TrainHere, read_losses

STEPS = 8
CURVE = re.compile(r" coordinate_loss: ([\d.e-]+)")
WAYS = [{}, {"fine_tuning": "LoRA", "lora_rank": 4}]


@pytest.fixture
def train(make_recipe: Callable[..., Path], train_here: TrainHere, tmp_path: Path) -> Callable[..., Path]:
    """Train with the loss, and return the run's folder."""

    def run(name: str, **changes: Any) -> Path:
        folder = tmp_path / name
        recipe = make_recipe(
            **{
                "grounding_coordinate_loss": 0.5,
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
    """The coordinate_loss of every step, from the log."""
    return [float(value) for value in CURVE.findall((run / "logs" / "train.log").read_text(encoding="utf-8"))]


def test_a_run_lowers_the_loss_of_coordinates_and_draws_it(
    train: Callable[..., Path], drawn_data: Path, tmp_path: Path
) -> None:
    from visualdl import LogReader

    shutil.copytree(drawn_data / "images", tmp_path / "images")
    two_records = tmp_path / "two.jsonl"
    lines = (drawn_data / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    two_records.write_text("".join(lines[:2]), encoding="utf-8")
    files = {"train_dataset_path": str(two_records), "eval_dataset_path": str(two_records)}
    evaluated_at_end = {"do_eval": True, "evaluation_strategy": "steps", "eval_steps": STEPS}
    run = train("run", **files, **evaluated_at_end, learning_rate=1.0e-3)
    logged, losses = curve(run), read_losses(run)
    assert len(logged) == len(losses) == STEPS
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
    assert len(curve(one)) == STEPS
    assert curve(two) == pytest.approx(curve(one), abs=1e-4)
    assert read_losses(two) == pytest.approx(read_losses(one), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_resumed_run_has_the_losses_of_an_undisturbed_one(
    train: Callable[..., Path], way: dict[str, Any]
) -> None:
    run = train("run", **way)
    expected = curve(run)
    shutil.rmtree(run / f"checkpoint-{STEPS}")
    for name in ("train_results.json", *(path.name for path in run.glob("*.safetensors"))):
        (run / name).unlink()
    train("run", **way)
    again = curve(run)[STEPS:]
    assert again == expected[STEPS // 2 :]


@pytest.mark.slow
def test_without_weight_a_run_has_the_losses_of_one_without_the_key(train: Callable[..., Path]) -> None:
    off, without = (
        train("off", grounding_coordinate_loss=0.0),
        train("without", grounding_coordinate_loss=...),
    )
    assert read_losses(off) == read_losses(without)
    assert len(read_losses(off)) == STEPS
    assert curve(off) == curve(without) == []
