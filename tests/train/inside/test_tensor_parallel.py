"""A model that is split over two processes learns, is saved, and answers as in one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from grounding.recipe.loading import load_recipe
from infer.engines.opening import open_engine
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from tests.train.conftest import TrainTiny, read_losses


def weights(folder: Path, pattern: str = "model*.safetensors") -> dict[str, Any]:
    return {name: value for file in folder.glob(pattern) for name, value in load_file(file).items()}


def answers(predictions: Path) -> list[str]:
    return [json.loads(line)["raw"] for line in predictions.read_text(encoding="utf-8").splitlines()]


def infer(checkpoint: Path, dataset: Path, output: Path, like: Path) -> list[str]:
    """Answer what a run was asked at its last step as `python -m infer` does."""
    words = [f"checkpoint={checkpoint}", f"dataset={dataset}", f"output_dir={output}"]
    return answers(predict(load_recipe(InferRecipe, like / "infer.yaml", words), open_engine))


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
@pytest.mark.parametrize("recipe", ["tiny_full", "tiny_lora"])
def test_two_processes_do_what_one_does(
    train_tiny: TrainTiny, prepared_data: Path, tmp_path: Path, recipe: str
) -> None:
    settings = {} if recipe == "tiny_full" else {"model_name_or_path": train_tiny("tiny_full")}
    one, two = (train_tiny(recipe, **settings, **more) for more in ({}, {"tensor_model_parallel_size": 2}))
    assert len(read_losses(one)) == 20
    # As shipped, norms that learn from half of the heads are 4e-4 off.
    assert read_losses(two) == pytest.approx(read_losses(one), abs=1e-4)

    pattern = "model*.safetensors" if recipe == "tiny_full" else "peft_model*.safetensors"
    assert len(list(two.glob(pattern))) == 2
    expected, found = weights(one, pattern), weights(two, pattern)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-4, rtol=0, err_msg=name)

    last = [run / "boxes" / "step-20" for run in (one, two)]
    live = answers(last[0] / "predictions.jsonl")
    assert len(live) == 6
    assert answers(last[1] / "predictions.jsonl") == live
    for number, run in enumerate((one, two)):
        assert infer(run, prepared_data, tmp_path / str(number), last[number]) == live
