"""Questions chosen by the mean reward that sampled answers to them got."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.sampling.known_questions import KnownQuestion
from train.objectives.grpo.grpo_settings import GrpoSettings
from train.objectives.grpo.rewarded_questions import read_rewarded
from train.preflight.objective_keys.grpo_keys import grpo_files
from train.recipe import TrainRecipe

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, known: list[KnownQuestion]) -> Write:
    """Write grades of the first questions, 0.0, 0.1, ... 1.0, with changes to the second of them."""

    def written(**changes: Any) -> Path:
        rows = [
            {
                "line": each.line,
                "image": each.question.image,
                "question": each.question.text,
                "reward": place / 10,
            }
            for place, each in enumerate(known[:11])
        ]
        rows[1] |= changes
        file = tmp_path / "graded.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return file

    return written


def asked(dataset: Path, **settings: Any) -> list[int]:
    return [each.line for each in read_rewarded([dataset / "train.jsonl"], GrpoSettings(**settings))]


def test_solved_and_hopeless_questions_are_left_out(
    prepared_data: Path, known: list[KnownQuestion], write: Write
) -> None:
    file = str(write())
    lines = [each.line for each in known[:11]]
    assert asked(prepared_data, graded=file) == lines[1:10]  # both ends of 0.1 to 0.9 are in
    assert asked(prepared_data, graded=file, difficulty=(0.25, 0.55)) == lines[3:6]
    assert asked(prepared_data) == [each.line for each in known]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"line": 3}, "line 3 of the data set asks something else"),
        ({"line": 1000}, "line 1000 of the data set asks something else"),
        ({"question": "Where is the dog?"}, "asks something else than 'Where is the dog"),
        ({"image": "images/other.png"}, "about images/other.png"),
    ],
)
def test_grades_of_another_data_set_are_refused(
    prepared_data: Path, write: Write, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        asked(prepared_data, graded=str(write(**changes)))


@pytest.mark.parametrize(
    ("changes", "difficulty", "words"),
    [
        ({"reward": None}, [0.1, 0.9], "line 2: no line, image, question and reward"),
        ({"reward": True}, [0.1, 0.9], "line 2: no line, image"),
        ({"line": "2"}, [0.1, 0.9], "line 2: no line, image"),
        ({}, [0.11, 0.19], "none of 11 questions has a mean reward of 0.11 to 0.19: widen"),
    ],
)
def test_the_check_reads_the_grades(
    write: Write, changes: dict[str, Any], difficulty: list[float], words: str
) -> None:
    settings = {"graded": str(write(**changes)), "difficulty": difficulty}
    recipe = {"grounding_grpo": settings, "train_dataset_path": "data/coco/train.jsonl"}
    (problem,) = grpo_files(TrainRecipe(recipe))
    assert words in problem
    assert problem.startswith("grounding_grpo.graded: ")


def test_grades_belong_to_one_data_set(write: Write, tmp_path: Path) -> None:
    recipe = {"grounding_grpo": {"graded": str(write())}, "train_dataset_path": "a/train.jsonl,b/train.jsonl"}
    (problem,) = grpo_files(TrainRecipe(recipe))
    assert "those of one data set" in problem
    (problem,) = grpo_files(TrainRecipe({"grounding_grpo": {"graded": str(tmp_path / "no.jsonl")},
                                         "train_dataset_path": "a/train.jsonl"}))  # fmt: skip
    assert "no such file" in problem
