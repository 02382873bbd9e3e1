"""The weights with the best boxes come back at the end of a run, through a kill too."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from train.inside.best_weights import BestWeights


def trainer_of(model: Any, folder: Path) -> Any:
    arguments = SimpleNamespace(
        output_dir=str(folder),
        tensor_model_parallel_size=-1,
        process_index=0,
        local_process_index=0,
        world_size=1,
    )
    return SimpleNamespace(args=arguments, model=model, is_world_process_zero=lambda: True)


@pytest.fixture(params=["float32", "bfloat16"])
def model(request: pytest.FixtureRequest) -> Any:
    import paddle

    layers = paddle.nn.Sequential(paddle.nn.Linear(3, 4), paddle.nn.Linear(4, 2)).astype(request.param)
    for parameter in layers[0].parameters():
        parameter.stop_gradient = True  # frozen
    return layers


def fill(model: Any, value: float) -> None:
    for parameter in model.parameters():
        parameter.set_value(parameter * 0 + value)


def values(model: Any) -> list[set[float]]:
    return [set(parameter.astype("float32").flatten().tolist()) for parameter in model.parameters()]


def test_the_best_step_is_the_result_and_frozen_parts_stay(model: Any, tmp_path: Path) -> None:
    best = BestWeights(trainer_of(model, tmp_path))
    for step, score in ((0, 0.25), (10, 0.75), (20, 0.75), (30, 0.5), (40, None)):
        fill(model, step + 0.5)
        best.offer(step, score)
    assert [path.name for path in (tmp_path / "best").glob("step-*")] == ["step-10"]
    assert json.loads((tmp_path / "best" / "best.json").read_text()) == {"step": 10, "F1_50": 0.75}
    said = best.restore(40)
    assert said == "best weights: those of step 10 are the result, with F1 0.750 on held-out images"
    assert values(model) == [{40.5}, {40.5}, {10.5}, {10.5}]


def test_a_resumed_run_goes_on_from_what_is_kept(model: Any, tmp_path: Path) -> None:
    fill(model, 1.0)
    BestWeights(trainer_of(model, tmp_path)).offer(10, 0.5)
    # A kill while better weights were written: they have no record.
    half = tmp_path / "best" / "step-20"
    half.mkdir()
    (half / "weights-0.safetensors").write_bytes(b"half")
    resumed = BestWeights(trainer_of(model, tmp_path))
    fill(model, 2.0)
    resumed.offer(20, 0.4)
    assert resumed.restore(20) is not None
    assert values(model)[-1] == {1.0}
    resumed.offer(30, 0.6)
    assert [path.name for path in (tmp_path / "best").glob("step-*")] == ["step-30"]


def test_the_last_step_needs_nothing(model: Any, tmp_path: Path) -> None:
    best = BestWeights(trainer_of(model, tmp_path))
    assert best.restore(5) is None
    best.offer(5, 0.1)
    assert best.restore(5) is None
