"""Training with grounding_keep through `python -m train`: full and LoRA, resumed, two processes."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.divergence import divergences
from grounding.keep.keep_record import KeepRecord, read_keep
from tests.train.conftest import read_losses
from tests.train.inside.test_box_curves import read_log
from train.keep.base_distributions import has_base

STEPS = 4
LORA = {"fine_tuning": "LoRA", "lora_rank": 4}
SETS = ["old", "words", "general"]


@pytest.fixture
def train(train_short: Callable[..., Path]) -> Callable[..., Path]:
    """Train with evaluations, and return the run's folder."""
    evaluated = {"do_eval": True, "evaluation_strategy": "steps", "eval_steps": STEPS // 2}
    return partial(train_short, max_steps=STEPS, **evaluated, per_device_eval_batch_size=4)


def record_of(run: Path) -> KeepRecord:
    record = read_keep(run)
    assert record is not None
    return record


def test_a_run_measures_its_sets_before_the_first_step_and_at_each_evaluation(
    train: Callable[..., Path], keep_sets: list[Any], tiny_model: Path
) -> None:
    run = train("run", grounding_keep=keep_sets, learning_rate=3.0e-3)
    record = record_of(run)
    assert [one.name for one in record.sets] == SETS
    assert [one.kind for one in record.sets] == ["data set", "data set", "general prompts"]
    assert [point.step for point in record.points] == [0, 2, 4]
    start, *later = record.points
    assert 0 <= start.divergence < 1e-6
    assert all(point.divergence > 1e-3 for point in later)
    for point in record.points:
        assert set(point.sets["old"]) >= {"AP50", "F1_50", "unreadable", "KL"}
        assert set(point.sets["words"]) == {"CIDEr", "words_exact", "KL"}
        assert set(point.sets["general"]) == {"tokens_kept", "KL"}
        assert 0 <= point.sets["general"]["tokens_kept"] <= 1
    log = read_log(run)
    for name, own in start.sets.items():
        for curve in own:
            points = log.get_data("scalar", f"keep/{name}/{curve}")
            drawn = [(point.id, pytest.approx(point.value, abs=1e-6)) for point in points]
            assert drawn == [(point.step, point.sets[name][curve]) for point in record.points]
    assert [point.id for point in log.get_data("scalar", "keep/KL")] == [0, 2, 4]
    scores = json.loads((run / "keep" / "old" / "step-4" / "scores.json").read_text())
    assert scores["AP50"] == record.points[-1].sets["old"]["AP50"]
    assert (run / "logs" / "train.log").read_text().count("keep at step ") == 3
    # What benchmarks/keep.py measures of finished checkpoints is the same.
    found = divergences(tiny_model, [tiny_model, run], Path(keep_sets[0]), prompts=64)
    assert found[0] < 1e-6
    assert found[1] == pytest.approx(record.points[-1].sets["old"]["KL"], rel=1e-3)


def as_numbers(record: KeepRecord) -> list[float]:
    return [
        value
        for point in record.points
        for own in (*point.sets.values(), {"": point.divergence})
        for value in own.values()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("way", [{}])
def test_two_processes_measure_what_one_does(
    train: Callable[..., Path], keep_sets: list[Any], way: dict[str, Any]
) -> None:
    runs = [
        train(f"run{parts}", **way, grounding_keep=keep_sets, tensor_model_parallel_size=parts)
        for parts in (1, 2)
    ]
    one, two = (as_numbers(record_of(run)) for run in runs)
    assert len(one) > 10
    assert two == pytest.approx(one, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("way", [LORA])
def test_a_resumed_run_goes_on_with_its_base_and_measuring_changes_no_loss(
    train: Callable[..., Path], keep_sets: list[Any], way: dict[str, Any]
) -> None:
    run = train("run", **way, grounding_keep=keep_sets)
    expected, base = record_of(run), (run / "keep" / "base" / "distributions.f16").read_bytes()
    assert expected.points[0].divergence < 1e-6 < expected.points[-1].divergence
    assert read_losses(run) == read_losses(train("without", **way))
    shutil.rmtree(run / f"checkpoint-{STEPS}")
    for name in ("train_results.json", *(path.name for path in run.glob("*.safetensors"))):
        (run / name).unlink()
    train("run", **way, grounding_keep=keep_sets)
    assert record_of(run) == expected
    assert (run / "keep" / "base" / "distributions.f16").read_bytes() == base
    assert has_base(run)
