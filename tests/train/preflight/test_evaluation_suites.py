from pathlib import Path
from typing import Any

import pytest

from tests.infer.suite.drawn_sets import write_sets
from train.preflight.evaluation_suites import evaluation_suites
from train.preflight.key_values import wrong_types
from train.preflight.places import keys_changed_since
from train.recipe import TrainRecipe, save_train_recipe


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    dataset = write_sets(tmp_path, 1) / "set00"
    return write(tmp_path / "small.yaml", f"sets: {{small: {{dataset: {dataset}}}}}")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{text}\nmetrics: [AP]\n", encoding="utf-8")
    return path


def problems(named: Any) -> list[str]:
    recipe = TrainRecipe({"grounding_eval_suites": named, "output_dir": "checkpoints/run"})
    return [*wrong_types(recipe), *evaluation_suites(recipe)]


def test_a_suite_whose_sets_are_prepared_passes(suite: Path) -> None:
    assert problems([str(suite)]) == problems(None) == problems([]) == []


def test_other_values_are_refused(suite: Path, tmp_path: Path) -> None:
    assert problems(str(suite)) == [f"grounding_eval_suites: '{suite}' is str, must be list"]
    assert "a list of files is needed" in problems([3])[0]
    other = write(tmp_path / "more" / "small.yaml", suite.read_text().splitlines()[0])
    assert "write into one folder" in problems([str(suite), str(other)])[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sets: {a: {dataset: gone}}", "a: gone/card.json: no such file: prepare the data set first"),
        ("sets: {a: {datset: gone}}", "unknown key 'datset'"),
        ("set: {a: {dataset: gone}}", "unknown key 'set.a.dataset'"),
        ("datasets: gone/*", "no prepared data set fits 'gone/*'"),
        ("sets: {a: {questions: gone.json, images: gone}}", "gone.json: no such file"),
        ("sets: {a: {dataset: gone}}\ncheckpoint: other", "checkpoint and output_dir are those of the run"),
        (
            "sets: {a: {dataset: gone}}\nways: {b: {per_categry: true}}",
            "suite.yaml: ways.b: unknown key 'per_categry', did you mean 'per_category'?",
        ),
        ("datasets: gone/*\nanswers: {batchsize: 2}", "suite.yaml: answers: unknown key 'batchsize'"),
        ("datasets: gone/*\nanswers: {zoom: much}", "suite.yaml: answers.zoom: 'much' is not one of"),
    ],
)
def test_what_is_missing_is_named_before_the_training(tmp_path: Path, text: str, problem: str) -> None:
    found = problems([str(write(tmp_path / "suite.yaml", text))])
    assert problem in found[0]
    assert found[0].startswith("grounding_eval_suites: ")


def test_a_metric_that_is_none_is_named_before_the_training(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("sets: {a: {dataset: gone}}\nmetrics: [APs50]\n", encoding="utf-8")
    assert problems([str(path)]) == [
        f"grounding_eval_suites: {path}: metrics: unknown 'APs50', did you mean 'AP50'?"
    ]


def test_a_file_that_is_not_there_is_named() -> None:
    assert problems(["gone.yaml"]) == ["grounding_eval_suites: gone.yaml: no such recipe"]


def test_a_run_stays_the_same_run_when_a_suite_is_added(tmp_path: Path, suite: Path) -> None:
    save_train_recipe({"seed": 1}, tmp_path)
    assert keys_changed_since(TrainRecipe({"seed": 1, "grounding_eval_suites": [str(suite)]}), tmp_path) == []
    assert keys_changed_since(TrainRecipe({"seed": 2}), tmp_path) == ["seed"]
