from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.recipe import InferRecipe, save_recipe
from infer.scoring.inputs import read_evaluation
from infer.scoring.scorecard import score
from tests.infer.scoring.made_predictions import right_answers, write_rows


def test_missing_images_are_an_error_unless_a_limit_was_set(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "out" / "predictions.jsonl", right_answers(dataset.path)[:3])
    with pytest.raises(UserError, match="4 of 7 images have no prediction, the first is image_id 104"):
        read_evaluation(path, dataset.path)
    save_recipe(
        InferRecipe(checkpoint="model", dataset=str(dataset.path), output_dir=str(path.parent), limit=3)
    )
    evaluation = read_evaluation(path)
    assert (
        len(evaluation.predictions) == len(evaluation.annotations["images"]) == len(evaluation.objects) == 3
    )
    assert evaluation.images_in_data_set == 7
    scores = score(evaluation, draws=0).metrics
    assert [scores[key] for key in ("images", "images_in_data_set", "objects")] == [3, 7, 3]
    assert scores["AP"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"image_id": 101}, "line 1: not a prediction"),
        ({"image_id": "101", "detections": []}, "line 1: image_id '101'"),
        ({"image_id": 101, "detections": [{"label": "a", "box": [1, 2, 3]}]}, "line 1: not a prediction"),
        ({"image_id": 101, "detections": [{"label": "a", "box": [1, 2, 3, float("nan")]}]}, "not finite"),
        ({"image_id": 5, "detections": []}, "another data set"),
    ],
)
def test_a_bad_row_is_named(dataset: Any, row: dict[str, Any], message: str) -> None:
    path = write_rows(dataset.path / "predictions.jsonl", [row])
    with pytest.raises(UserError, match=message):
        read_evaluation(path, dataset.path)


def test_no_predictions_are_an_error(dataset: Any) -> None:
    with pytest.raises(UserError, match=r"nowhere\.jsonl: no such file"):
        read_evaluation(dataset.path / "nowhere.jsonl")
    path = write_rows(dataset.path / "predictions.jsonl", [])
    save_recipe(
        InferRecipe(checkpoint="model", dataset=str(dataset.path), output_dir=str(dataset.path), limit=3)
    )
    with pytest.raises(UserError, match="no prediction to score"):
        read_evaluation(path)


def test_an_image_twice_is_an_error(dataset: Any) -> None:
    rows = right_answers(dataset.path)
    path = write_rows(dataset.path / "predictions.jsonl", [*rows, rows[0]])
    with pytest.raises(UserError, match="line 8: image_id 101 comes a second time"):
        read_evaluation(path, dataset.path)


def test_answers_about_the_train_split_are_not_scored(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "out" / "predictions.jsonl", right_answers(dataset.path))
    save_recipe(
        InferRecipe(checkpoint="model", dataset=str(dataset.path), output_dir=str(path.parent), split="train")
    )
    for given in (None, dataset.path):
        with pytest.raises(UserError, match="made of the train split: only val has annotations"):
            read_evaluation(path, given)
