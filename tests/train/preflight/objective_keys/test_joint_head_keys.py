import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from tests.train.several_pictures import write_two_pictures
from train.preflight.all_checks import check_recipe
from train.preflight.objective_keys.joint_head_keys import joint_head_keys, joint_head_pictures
from train.recipe import TrainRecipe, resolve_recipe

ON = {"grounding_box_head": True}


def problems(make_recipe: Callable[..., Path], **changes: Any) -> list[str]:
    return list(joint_head_keys(TrainRecipe(resolve_recipe(make_recipe(**changes)))))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grounding_backend": "fleet"}, "grounding_backend: fleet does not go with grounding_box_head"),
        ({"grounding_grpo": {"group": 4}}, "sampled answers are learned by their rewards: leave one of them"),
        ({"stage": "VL-DPO"}, "grounding_box_head: stage VL-DPO compares whole answers: leave it out"),
        ({"pipeline_model_parallel_size": 2}, "pipeline_model_parallel_size: 2 does not go with"),
        ({"context_parallel_size": 2}, "context_parallel_size: 2 does not go with"),
        ({"sep_parallel_size": 2}, "sep_parallel_size: 2 does not go with"),
        ({"compute_type": "fp16"}, "compute_type: fp16 does not go with grounding_box_head, its loss would"),
    ],
)
def test_what_a_head_cannot_learn_with_is_refused(
    make_recipe: Callable[..., Path], changes: dict[str, Any], said: str
) -> None:
    [problem] = problems(make_recipe, **ON, **changes)
    assert said in problem
    assert problems(make_recipe, **changes) == []


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"grounding_box_head": {"weight": 0.5, "into_model": True, "apart": False, "answers": 0.2}},
        {"grounding_coordinate_loss": 0.1},
        {"packing": True},
        {"tensor_model_parallel_size": 2, "sequence_parallel": True},
        {"fine_tuning": "LoRA", "lora_rank": 4, "sharding": "stage1"},
        {"compute_type": "bf16", "grounding_grpo": None},
    ],
)
def test_what_it_goes_with_is_not(make_recipe: Callable[..., Path], changes: dict[str, Any]) -> None:
    assert problems(make_recipe, **(ON | changes)) == []


def test_settings_that_cannot_be_are_one_line(make_recipe: Callable[..., Path]) -> None:
    [problem] = problems(make_recipe, grounding_box_head={"wrong": 2.0})
    assert problem == "grounding_box_head.wrong: 2 is not between 0 and 1"
    with pytest.raises(UserError, match="grounding_box_head: 'on' is str, must be"):
        check_recipe(make_recipe(grounding_box_head="on"))


def test_the_check_says_how_many_boxes_are_made_wrong(
    make_recipe: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        check_recipe(make_recipe(grounding_box_head={"answers": 0.5, "jittered": 0.5, "wrong": 0.1}))
    [line] = [line for line in caplog.messages if line.startswith("box head: ")]
    said = (
        "1.0 boxes a record; 35% of them are made wrong, and 50% of the answers teach the model up to their"
    )
    assert line == f"box head: {said} first wrong box alone"


def test_answers_without_boxes_are_a_problem(
    make_recipe: Callable[..., Path], files_of_words: dict[str, str]
) -> None:
    with pytest.raises(UserError, match="grounding_box_head: no answer of the first 48 records has a box"):
        check_recipe(make_recipe(**ON, **files_of_words))


def test_records_about_two_pictures_are_refused(make_recipe: Callable[..., Path], tmp_path: Path) -> None:
    data = write_two_pictures(tmp_path / "two", train=3, val=1) / "train.jsonl"

    def found(**changes: Any) -> list[str]:
        return list(joint_head_pictures(TrainRecipe(resolve_recipe(make_recipe(**changes)))))

    [problem] = found(**ON, train_dataset_path=str(data))
    assert problem.startswith(f"grounding_box_head: {data}, line 1 has 2 pictures, and a head reads boxes of")
    assert found(**ON) == found(train_dataset_path=str(data)) == []
    with pytest.raises(UserError, match="has 2 pictures"):
        check_recipe(make_recipe(**ON, train_dataset_path=str(data)))
