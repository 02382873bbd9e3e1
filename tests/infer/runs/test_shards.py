"""Shards, each a run of its own in one folder, and their merge."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from infer.runs.shards import merge_shards
from tests.infer.runs.test_predict import SLOW_ENGINE, FakeEngine


@pytest.fixture
def recipe(checkpoint: Path, dataset: Any, tmp_path: Path) -> InferRecipe:
    return InferRecipe(
        checkpoint=str(checkpoint), dataset=str(dataset.path), output_dir=str(tmp_path / "out"), batch_size=2
    )


def run_shards(recipe: InferRecipe, count: int, without: tuple[int, ...] = ()) -> list[int]:
    """Run the shards, the last first, and return how many images each asked about."""
    asked = []
    for number in reversed([number for number in range(count) if number not in without]):
        engine = FakeEngine()
        predict(dataclasses.replace(recipe, shard=f"{number}/{count}"), lambda *_, e=engine: e)
        asked.append(len(engine.asked))
    return asked[::-1]


@pytest.mark.parametrize(("count", "asked"), [(1, [7]), (3, [3, 2, 2]), (9, [1] * 7 + [0, 0])])
def test_merged_shards_equal_one_run(recipe: InferRecipe, count: int, asked: list[int]) -> None:
    whole = dataclasses.replace(recipe, output_dir=recipe.output_dir + "_whole")
    expected = predict(whole, lambda *_: FakeEngine()).read_bytes()
    assert run_shards(recipe, count) == asked
    assert not (recipe.output_path / "predictions.jsonl").exists()
    assert merge_shards(recipe.output_path).read_bytes() == expected
    assert merge_shards(recipe.output_path).read_bytes() == expected  # once more does no harm
    engine = FakeEngine()
    predict(recipe, lambda *_: engine)
    assert engine.asked == []  # what is merged is a complete run
    assert sum(run_shards(recipe, count)) == 0


def test_shards_at_a_time_in_processes_of_their_own(recipe: InferRecipe, tmp_path: Path) -> None:
    def start(output: str, shard: str) -> "subprocess.Popen[bytes]":
        words = [SLOW_ENGINE, recipe.dataset, tmp_path / output, recipe.checkpoint, tmp_path / "log", shard]
        return subprocess.Popen([sys.executable, *map(str, words)], stderr=subprocess.DEVNULL)

    started = [start("out", f"{number}/2") for number in range(2)] + [start("whole", "")]
    assert [process.wait(timeout=60) for process in started] == [0, 0, 0]
    merged = merge_shards(recipe.output_path)
    assert merged.read_bytes() == (tmp_path / "whole" / "predictions.jsonl").read_bytes()


def test_a_missing_shard_is_named(recipe: InferRecipe) -> None:
    with pytest.raises(UserError, match="no shards here"):
        merge_shards(recipe.output_path)
    run_shards(recipe, 4, without=(1, 2))
    with pytest.raises(UserError, match="2 of 4 shards are missing or not complete: run shard=1/4"):
        merge_shards(recipe.output_path)
    run_shards(recipe, 2)
    with pytest.raises(UserError, match="shards of 2 and of 4"):
        merge_shards(recipe.output_path)


def test_shards_of_other_weights_or_questions_are_refused(recipe: InferRecipe, checkpoint: Path) -> None:
    run_shards(recipe, 2)
    (checkpoint / "model.safetensors").write_bytes(b"retrain")
    run_shards(recipe, 2, without=(0,))
    with pytest.raises(UserError, match=r"1-of-2.jsonl: made from another checkpoint or of other questions"):
        merge_shards(recipe.output_path)
    run_shards(recipe, 2)
    merge_shards(recipe.output_path)
    jsonl = recipe.dataset_path / "val.jsonl"
    jsonl.write_text(jsonl.read_text(encoding="utf-8").replace("Task:", "Job:"), encoding="utf-8")
    run_shards(recipe, 2, without=(0,))
    with pytest.raises(UserError, match=r"1-of-2.jsonl: made from another checkpoint or of other questions"):
        merge_shards(recipe.output_path)


def test_shards_of_another_recipe_are_refused(recipe: InferRecipe) -> None:
    run_shards(recipe, 2)
    run_shards(dataclasses.replace(recipe, max_new_tokens=9, overwrite=True), 2, without=(0,))
    with pytest.raises(
        UserError, match=r"infer.1-of-2.yaml: not the recipe of .*max_new_tokens=9 \(was 2048"
    ):
        merge_shards(recipe.output_path)


def test_a_merge_does_not_replace_the_predictions_of_another_recipe(recipe: InferRecipe) -> None:
    run_shards(recipe, 2)
    other = dataclasses.replace(recipe, max_new_tokens=9, overwrite=True)
    predict(other, lambda *_: FakeEngine())
    with pytest.raises(UserError, match="predictions of another recipe are here"):
        merge_shards(recipe.output_path)
    with pytest.raises(UserError, match="predictions of another recipe are here"):
        run_shards(recipe, 4)


def test_a_shard_with_lost_rows_is_refused(recipe: InferRecipe) -> None:
    run_shards(recipe, 2)
    path = recipe.output_path / "predictions.0-of-2.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(UserError, match=r"0-of-2.jsonl: 2 rows, where there should be 3: delete it"):
        merge_shards(recipe.output_path)


@pytest.mark.parametrize("shard", ["8/8", "1", "a/b", "-1/4", "0/0", "1/4/2"])
def test_a_shard_is_one_of_n(shard: str) -> None:
    with pytest.raises(ValueError, match=f"shard: '{shard}'"):
        InferRecipe(checkpoint="model", dataset="data", output_dir="out", shard=shard)


def test_a_folder_that_was_moved_can_be_merged(recipe: InferRecipe, tmp_path: Path) -> None:
    run_shards(recipe, 2)
    moved = recipe.output_path.rename(tmp_path / "moved")
    rows = merge_shards(moved).read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["image_id"] for row in rows] == list(range(101, 108))
