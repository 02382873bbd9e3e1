import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.calibrate.making import make_calibration
from infer.confidence.calibration_file import load_calibration
from infer.engines.settings import CALIBRATED
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from infer.score import main as score
from tests.infer.doubtful_engine import DoubtfulEngine, true_start, write_doubtful_dataset


def is_true(row: dict[str, Any]) -> bool:
    return bool(row["detections"][0]["box"][0] * 100 == true_start(row["image"]))


@pytest.fixture
def recipe(tmp_path: Path, checkpoint: Path) -> InferRecipe:
    data = write_doubtful_dataset(tmp_path / "data", {"calibration": 300, "val": 200, "train": 120})
    return InferRecipe(
        checkpoint=str(checkpoint),
        dataset=str(data),
        output_dir=str(tmp_path / "out"),
        score=CALIBRATED,
        batch_size=16,
    )


def test_the_scores_of_other_images_are_how_often_such_boxes_are_right(
    recipe: InferRecipe, checkpoint: Path
) -> None:
    """Fit, ask about val with score=calibrated, and compare scores with the engine's own chances."""
    report = make_calibration(recipe, lambda settings: DoubtfulEngine())
    assert "constant" in report.splitlines()[2]
    assert "300 boxes" in report
    fitted_on = load_calibration(checkpoint / "calibration.json").fitted_on
    assert (fitted_on.boxes, fitted_on.split, fitted_on.dataset) == (300, "calibration", "source")
    assert len(fitted_on.images) == 300
    predictions = predict(recipe, lambda settings: DoubtfulEngine())
    rows = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    scored = [(row["detections"][0]["score"], is_true(row)) for row in rows]
    sure, doubtful = ([right for value, right in scored if (value > 0.5) == kind] for kind in (True, False))
    assert sum(sure) / len(sure) > 0.65
    assert sum(doubtful) / len(doubtful) < 0.35
    error = sum(value for value, _ in scored) / len(scored) - sum(right for _, right in scored) / len(scored)
    assert abs(error) < 0.1
    assert score([str(recipe.output_path)]) == 0
    scores = json.loads((recipe.output_path / "scores.json").read_text(encoding="utf-8"))
    assert scores["AP"] > scores["AP_no_score"] + 0.05


def test_the_same_answers_give_the_same_bytes(recipe: InferRecipe, checkpoint: Path) -> None:
    path = checkpoint / "calibration.json"
    written = []
    for batch_size in (16, 3):
        make_calibration(
            dataclasses.replace(recipe, batch_size=batch_size), lambda settings: DoubtfulEngine()
        )
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_without_a_calibration_part_training_images_are_asked_with_a_warning(
    recipe: InferRecipe, checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (recipe.dataset_path / "calibration.jsonl").unlink()
    engine = DoubtfulEngine()
    make_calibration(recipe, lambda settings: engine)
    assert [request.picture.name for request in engine.asked] == [f"{n:012}.png" for n in range(501, 621)]
    assert "scores may be too high" in caplog.text
    assert load_calibration(checkpoint / "calibration.json").fitted_on.split == "train"


def test_validation_images_are_never_asked(recipe: InferRecipe) -> None:
    engine = DoubtfulEngine()
    make_calibration(dataclasses.replace(recipe, split="val"), lambda settings: engine)
    assert {int(request.picture.stem) for request in engine.asked} == set(range(1, 301))


@pytest.mark.parametrize(
    ("certainty", "limit", "message"),
    [
        (None, 20, "20 boxes to fit.*at least 50"),
        (1.0, None, "300 boxes to fit, of which 300 are right.*0 wrong"),
        (0.0, None, "300 boxes to fit, of which 0 are right"),
    ],
)
def test_what_cannot_be_fitted_is_refused_and_leaves_nothing(
    recipe: InferRecipe, checkpoint: Path, certainty: float | None, limit: int | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        make_calibration(dataclasses.replace(recipe, limit=limit), lambda settings: DoubtfulEngine(certainty))
    assert not (checkpoint / "calibration.json").exists()


def test_a_model_in_a_hubs_cache_needs_a_place_for_its_calibration(
    recipe: InferRecipe, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infer.engines.settings.named_folder", lambda name: checkpoint)
    hub = dataclasses.replace(recipe, checkpoint="Qwen/Qwen3-VL-8B-Instruct")
    with pytest.raises(UserError, match="set calibration="):
        make_calibration(hub, lambda settings: DoubtfulEngine())
    place = tmp_path / "calibrations" / "8b.json"
    named = dataclasses.replace(hub, calibration=str(place))
    make_calibration(named, lambda settings: DoubtfulEngine())
    assert load_calibration(place).fitted_on.boxes == 300
    assert len(predict(named, lambda settings: DoubtfulEngine()).read_bytes().splitlines()) == 200


@pytest.mark.parametrize("kind", ["folder", "inside a file"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_asked(
    recipe: InferRecipe, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    place = tmp_path if kind == "folder" else tmp_path / "file" / "calibration.json"
    engine = DoubtfulEngine()
    with pytest.raises(UserError, match=r"^calibration: "):
        make_calibration(dataclasses.replace(recipe, calibration=str(place)), lambda settings: engine)
    assert engine.asked == []
