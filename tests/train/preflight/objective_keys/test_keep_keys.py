import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train.keep.conftest import general_row, write_rows
from train.keep.base_distributions import BaseAnswer, write_base
from train.preflight.objective_keys.keep_keys import keep_keys, keep_line, keep_sets
from train.recipe import TrainRecipe, resolve_recipe

ON = {"do_eval": True, "evaluation_strategy": "steps", "grounding_keep": ["data/old"]}


def recipe_of(make_recipe: Callable[..., Path], **changes: Any) -> TrainRecipe:
    return TrainRecipe(resolve_recipe(make_recipe(**changes)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"do_eval": False}, "grounding_keep: does nothing without do_eval: true"),
        ({"stage": "VL-DPO"}, "grounding_keep: the trainer of stage VL-DPO draws no curves"),
        ({"grounding_backend": "fleet"}, "grounding_backend: fleet does not go with grounding_keep"),
        ({"pipeline_model_parallel_size": 2}, "pipeline_model_parallel_size: 2 does not go with"),
        ({"context_parallel_size": 2}, "context_parallel_size: 2 does not go with"),
        ({"sep_parallel_size": 2}, "sep_parallel_size: 2 does not go with"),
        ({"sequence_parallel": True}, "sequence_parallel: True does not go with"),
        ({"sharding": "stage3"}, "sharding: stage3 does not go with grounding_keep"),
        ({"grounding_keep": ["a/old", "b/old"]}, "a/old and b/old both have the name 'old'"),
    ],
)
def test_what_the_meter_does_not_go_with_is_refused(
    make_recipe: Callable[..., Path], changes: dict[str, Any], said: str
) -> None:
    [problem] = keep_keys(recipe_of(make_recipe, **{**ON, **changes}))
    assert said in problem
    without = {**changes, "grounding_keep": ...}
    assert list(keep_keys(recipe_of(make_recipe, **{**ON, **without}))) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"grounding_grpo": {"group": 4}, "sharding": "stage1"},
        {"tensor_model_parallel_size": 2, "fine_tuning": "LoRA", "packing": True},
        {"grounding_keep": []},
        {"grounding_keep": "data/old"},  # which the check of the types reports
    ],
)
def test_what_it_goes_with_is_not(make_recipe: Callable[..., Path], changes: dict[str, Any]) -> None:
    assert list(keep_keys(recipe_of(make_recipe, **{**ON, **changes}))) == []


@pytest.fixture
def problems(make_recipe: Callable[..., Path]) -> Callable[..., list[str]]:
    def find(given: list[Any], **changes: Any) -> list[str]:
        return list(keep_sets(recipe_of(make_recipe, **{**ON, "grounding_keep": given, **changes})))

    return find


def test_each_set_that_cannot_be_asked_is_said_in_a_line(
    problems: Callable[..., list[str]], prepared_data: Path, tmp_path: Path
) -> None:
    old, empty, bare = tmp_path / "old", tmp_path / "empty", tmp_path / "bare"
    shutil.copytree(prepared_data, old)
    shutil.copytree(prepared_data, empty)
    rows = [json.loads(line) for line in (empty / "val.jsonl").read_text().splitlines()]
    write_rows(empty / "val.jsonl", [{**row, "yes_no": "truth"} for row in rows])
    bare.mkdir()
    (bare / "annotations_val.json").write_text("{}")
    talk = write_rows(tmp_path / "talk.jsonl", [general_row("Hello.", "Hello!"), {"messages": []}])
    assert problems([str(old)]) == []
    assert problems([{"path": str(talk), "samples": 1}]) == []
    found = problems([str(tmp_path / "none"), str(old), str(empty), str(bare), str(talk)])
    said = [
        f"grounding_keep: none: '{tmp_path}/none': no such file or folder",
        f"grounding_keep: empty: '{empty}/val.jsonl' has no question about boxes or for words",
        f"grounding_keep: bare: {bare}/card.json: no such file",
        f"grounding_keep: talk: {talk}, line 2: its roles are ",
    ]
    assert len(found) == len(said)
    for problem, beginning in zip(found, said, strict=True):
        assert problem.startswith(beginning)


def test_a_run_that_would_resume_without_its_base_is_refused(
    problems: Callable[..., list[str]], prepared_data: Path, tmp_path: Path
) -> None:
    old, run = [str(prepared_data)], tmp_path / "run"
    assert problems(old) == []
    (run / "checkpoint-3").mkdir(parents=True)
    said = f"grounding_keep: the run resumes, and {run}/keep/base has no answers of its base"
    for changes in ({}, {"resume_from_checkpoint": str(run / "checkpoint-3")}):
        [problem] = problems(old, **changes)
        assert problem.startswith(said)
    assert problems(old, overwrite_output_dir=True) == []
    assert problems([]) == []
    write_base(run, [BaseAnswer("old", "a", (1,))], [])
    assert problems(old) == []


def test_what_is_asked_and_kept_is_said(
    make_recipe: Callable[..., Path], tiny_model: Path, prepared_data: Path
) -> None:
    width = json.loads((tiny_model / "config.json").read_text())["text_config"]["vocab_size"]
    given = [{"path": str(prepared_data), "name": "old", "samples": 5}, "data/talk.jsonl"]
    [line] = keep_line(recipe_of(make_recipe, **{**ON, "grounding_keep": given}))
    assert line.startswith("grounding_keep: old (data set, up to 5), talk (general prompts, up to 64); KL(")
    assert f" {64 * 16 * width * 2 / 1e6:.0f} MB stay in output_dir" in line
    assert list(keep_line(recipe_of(make_recipe))) == []
