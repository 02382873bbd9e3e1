import json
from pathlib import Path
from typing import Any

import pytest

from grounding.answers.forms import DUPLICATE, NO_BOX, TRUNCATED
from infer.scoring.scorecard import score_predictions
from tests.infer.scoring.made_predictions import right_answers, write_rows


def scores_of(predictions: Path, dataset: Path | None = None) -> dict[str, Any]:
    return score_predictions(predictions, dataset, draws=0).as_json()


def test_right_answers_score_one(dataset: Any) -> None:
    scores = scores_of(
        write_rows(dataset.path / "predictions.jsonl", right_answers(dataset.path)), dataset.path
    )
    assert scores["AP"] == pytest.approx(1.0)
    assert scores["AP_large"] is None  # no object of this data set is large
    assert [scores[f"{key}_50"] for key in ("precision", "recall", "f1")] == [1.0, 1.0, 1.0]
    assert scores["mean_iou"] == pytest.approx(1.0)
    faults = ("truncated", "duplicates", "unknown_labels", "out_of_range")
    assert [scores[key] for key in ("readable", *faults)] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert [scores[key] for key in ("images", "objects", "detections")] == [7, 7, 7]
    # What no question asks for, and what needs scores, is left out.
    others = [key for key in scores if key.startswith(("ref_", "pope_")) or key.endswith("_no_score")]
    assert len(others) > 10
    assert {scores[key] for key in others} == {None}


def test_each_fault_moves_its_own_number(dataset: Any) -> None:
    rows = right_answers(dataset.path)
    rows[0] |= {"detections": [], "problems": [NO_BOX]}  # not readable
    rows[1] |= {"detections": [], "problems": []}  # read: nothing there
    rows[2]["problems"] = [TRUNCATED]
    rows[3]["detections"] *= 2
    rows[3]["problems"] = [DUPLICATE]
    rows[4]["detections"][0]["label"] = "unicorn"
    scores = scores_of(write_rows(dataset.path / "predictions.jsonl", rows), dataset.path)
    assert scores["readable"] == pytest.approx(6 / 7)
    assert scores["truncated"] == pytest.approx(1 / 7)
    assert scores["duplicates"] == pytest.approx(1 / 6)
    assert scores["unknown_labels"] == pytest.approx(1 / 6)
    assert scores["precision_50"] == pytest.approx(4 / 6)
    assert scores["recall_50"] == pytest.approx(4 / 7)
    assert scores["f1_50"] == pytest.approx(2 * 4 / 13)


def test_no_detection_at_all(dataset: Any) -> None:
    rows = [{"image_id": image_id, "detections": []} for image_id in dataset.image_ids]
    scores = scores_of(write_rows(dataset.path / "predictions.jsonl", rows), dataset.path)
    assert scores["AP"] == scores["AP50"] == scores["f1_50"] == scores["mean_iou"] == 0
    assert scores["readable"] == 1.0


def test_intervals_surround_the_scores(dataset: Any) -> None:
    rows = right_answers(dataset.path)
    for row in rows[:3]:
        row["detections"] = []
    path = write_rows(dataset.path / "predictions.jsonl", rows)
    scores = score_predictions(path, dataset.path)
    for key in ("AP", "AP50", "f1_50", "recall_50", "readable", "mean_iou"):
        low, high = scores.intervals[key]
        assert low <= scores.metrics[key] <= high, key
    low, high = scores.intervals["recall_50"]
    assert 0.1 < low < 0.3 < 0.8 < high < 1  # 4 of 7
    assert score_predictions(path, dataset.path, draws=0).intervals == {}


def test_predictions_with_scores_get_ap_with_and_without(dataset: Any) -> None:
    rows = right_answers(dataset.path)
    for row in rows:
        wrong = {"label": "red square", "box": [0, 0, 3, 3], "score": 0.1}
        row["detections"][0]["score"] = 0.9
        row["detections"].insert(0, wrong)
    scores = scores_of(write_rows(dataset.path / "predictions.jsonl", rows), dataset.path)
    assert scores["AP50"] == pytest.approx(1.0)
    assert scores["AP50_no_score"] == pytest.approx(0.5, abs=0.1)  # each wrong box stands before a right one
    assert "AP_no_score" in scores
    assert "AP75_no_score" in scores


def test_questions_about_one_category_and_negatives(dataset: Any) -> None:
    path = dataset.path / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for image in content["images"]:
        image |= {"asked": "red square", "negative": None}
    last = content["images"][-1] | {"asked": "green circle", "negative": "popular"}
    content["images"][-1] = last
    content["annotations"] = [item for item in content["annotations"] if item["image_id"] != last["id"]]
    rows = right_answers(dataset.path)
    rows[0]["detections"] = []
    rows[-1]["detections"][0]["label"] = "green circle"
    path.write_text(json.dumps(content), encoding="utf-8")
    scores = score_predictions(write_rows(dataset.path / "predictions.jsonl", rows), dataset.path, draws=10)
    assert scores.metrics["pope_accuracy"] == pytest.approx(5 / 7)
    assert scores.metrics["pope_yes_ratio"] == pytest.approx(6 / 7)
    assert scores.metrics["false_positive_rate"] == 1
    assert [scores.metrics[key] for key in ("pope_questions", "negatives")] == [7, 1]
    assert scores.negatives_by_choice == {"popular": {"questions": 1, "false_positive_rate": 1}}


def test_what_an_expression_asks_for_is_scored_by_the_expression(dataset: Any) -> None:
    path = dataset.path / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for image in content["images"]:
        image["asked"] = f"the thing in {image['id']}"
    path.write_text(json.dumps(content), encoding="utf-8")
    rows = right_answers(dataset.path)
    for row in rows:
        row["detections"][0]["label"] = f"the thing in {row['image_id']}"
    rows[0]["detections"][0]["label"] = f"the thing in {rows[1]['image_id']}"
    scores = scores_of(write_rows(dataset.path / "predictions.jsonl", rows), dataset.path)
    assert scores["recall_50"] == pytest.approx(6 / 7)
    assert scores["unknown_labels"] == pytest.approx(1 / 7)
    assert scores["AP50"] is not None
    assert scores["AP50"] > 0.8
    assert scores["ref_accuracy_50"] == 1  # RefCOCO does not look at labels
    assert scores["ref_expressions"] == 7
