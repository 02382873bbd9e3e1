from pathlib import Path

import pytest
from visualdl import LogReader

from grounding.errors import UserError
from grounding.layout import SCORE_CURVES_FOLDER
from infer.recipe import InferRecipe, save_recipe
from infer.scoring.scorecard import Scores
from infer.scoring.visualdl_scalars import find_curves, trained_steps, write_curves

VALUES = {"AP50": 0.75, "mean_iou": 0.5, "images": 4, "AR": None}
SCORES = Scores(VALUES, {"AP50": (0.5, 1.0)})


def make_run(folder: Path) -> Path:
    """Make a training run's folder, and beside it the predictions of its model."""
    (folder / "run" / "visualdl").mkdir(parents=True)
    (folder / "run" / "trainer_state.json").write_text('{"global_step": 900}', encoding="utf-8")
    predictions = folder / "eval_after" / "predictions.jsonl"
    save_recipe(
        InferRecipe(checkpoint=str(folder / "run"), dataset="data", output_dir=str(predictions.parent))
    )
    return predictions


def test_scores_become_points_at_the_last_training_step(tmp_path: Path) -> None:
    folder = find_curves(make_run(tmp_path))
    assert folder == tmp_path / "run" / SCORE_CURVES_FOLDER / "eval_after"
    assert trained_steps(folder) == 900
    path = write_curves(SCORES, folder, 900, 1234)
    reader = LogReader(file_path=str(path))
    assert sorted(reader.get_tags()["scalar"]) == [
        "eval/AP50", "eval/mean_iou", "eval_high/AP50", "eval_low/AP50",
    ]  # fmt: skip
    (point,) = reader.get_data("scalar", "eval/AP50")
    assert (point.id, point.value, point.timestamp) == (900, 0.75, 1234000)
    assert [item.name for item in folder.iterdir()] == [path.name]


def test_scoring_again_replaces_the_points(tmp_path: Path) -> None:
    write_curves(Scores({**VALUES, "AP50": 0.25}), tmp_path, 5, 1234)
    path = write_curves(SCORES, tmp_path, 5, 1234)
    assert list(tmp_path.iterdir()) == [path]
    assert [point.value for point in LogReader(file_path=str(path)).get_data("scalar", "eval/AP50")] == [0.75]


def test_a_checkpoint_that_was_not_trained_here_gets_no_curves(tmp_path: Path) -> None:
    predictions = make_run(tmp_path)
    (tmp_path / "run" / "visualdl").rmdir()
    assert find_curves(predictions) is None
    assert find_curves(tmp_path / "elsewhere" / "predictions.jsonl") is None


def test_a_state_that_names_no_step_is_an_error(tmp_path: Path) -> None:
    folder = find_curves(make_run(tmp_path))
    assert folder is not None
    (tmp_path / "run" / "trainer_state.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match="no global_step"):
        trained_steps(folder)
    (tmp_path / "run" / "trainer_state.json").unlink()
    assert trained_steps(folder) == 0
