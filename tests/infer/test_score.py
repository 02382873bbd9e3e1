import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from grounding.answers import DUPLICATE, NO_BOX, TRUNCATED
from grounding.errors import UserError
from grounding.run_record import RunRecord, read_run, write_run
from infer.recipe import InferRecipe, save_recipe
from infer.score import report
from infer.scoring.scorecard import score_predictions

ROOT = Path(__file__).parents[2]


def scores_of(predictions: Path, dataset: Path | None = None) -> dict[str, Any]:
    return asdict(score_predictions(predictions, dataset, draws=0))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def right_answers(dataset: Path) -> list[dict[str, Any]]:
    """Return predictions that are the ground truth."""
    content = json.loads((dataset / "annotations_val.json").read_text(encoding="utf-8"))
    rows = []
    for item in content["annotations"]:
        x, y, width, height = item["bbox"]
        found = {"label": "red square", "box": [x, y, x + width, y + height], "score": None}
        rows.append({"image_id": item["image_id"], "detections": [found], "problems": []})
    return rows


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


def test_missing_images_are_an_error_unless_a_limit_was_set(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "out" / "predictions.jsonl", right_answers(dataset.path)[:3])
    with pytest.raises(UserError, match="4 of 7 images have no prediction, the first is image_id 104"):
        scores_of(path, dataset.path)
    save_recipe(
        InferRecipe(checkpoint="model", dataset=str(dataset.path), output_dir=str(path.parent), limit=3)
    )
    scores = scores_of(path)
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
        scores_of(path, dataset.path)


def test_no_predictions_are_an_error(dataset: Any) -> None:
    with pytest.raises(UserError, match=r"nowhere\.jsonl: no such file"):
        scores_of(dataset.path / "nowhere.jsonl")
    path = write_rows(dataset.path / "predictions.jsonl", [])
    save_recipe(
        InferRecipe(checkpoint="model", dataset=str(dataset.path), output_dir=str(dataset.path), limit=3)
    )
    with pytest.raises(UserError, match="no prediction to score"):
        scores_of(path)


def test_an_image_twice_is_an_error(dataset: Any) -> None:
    rows = right_answers(dataset.path)
    path = write_rows(dataset.path / "predictions.jsonl", [*rows, rows[0]])
    with pytest.raises(UserError, match="line 8: image_id 101 comes a second time"):
        scores_of(path, dataset.path)


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)


def test_the_command_writes_scores_tables_and_results(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "after" / "predictions.jsonl", right_answers(dataset.path))
    assert run("infer.score", str(path.parent)).stderr.startswith("error: ")
    done = run("infer.score", str(path.parent), "--dataset", str(dataset.path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "7 of 7 images scored" in done.stdout
    assert sorted(item.name for item in path.parent.iterdir()) == [
        "coco_results.json", "predictions.jsonl", "scores.json", "scores.md",
    ]  # fmt: skip
    saved = json.loads((path.parent / "scores.json").read_text(encoding="utf-8"))
    assert {"AP50", "mean_iou", "f1_50", "readable"} <= saved.keys()
    assert saved["intervals"]["f1_50"] == [1, 1]
    assert saved["bootstrap"] == {"draws": 1000, "seed": 0, "percent": 95}
    assert saved["per_category"]["red square"]["AP50"] == pytest.approx(1)
    assert saved["per_category"]["green circle"]["AP"] is None
    text = (path.parent / "scores.md").read_text(encoding="utf-8")
    assert "| F1 at IoU 0.50 | f1_50 | 100.0% | 100.0 to 100.0 |" in text
    assert "| red square | 100.0% |" in text
    assert run("infer.score", str(path.parent), "--draws", "-1").returncode == 2


def test_the_same_predictions_give_the_same_bytes_in_any_order(dataset: Any, tmp_path: Path) -> None:
    rows = right_answers(dataset.path)
    rows[0]["detections"] = []
    rows[2]["detections"][0]["box"][2] *= 0.9
    written = []
    for name, ordered in (("one", rows), ("other", rows[::-1])):
        path = write_rows(tmp_path / name / "mine.jsonl", ordered)
        report(path, dataset.path)
        written.append([(path.parent / file).read_bytes() for file in ("scores.json", "coco_results.json")])
    assert written[0] == written[1]


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


def test_a_training_run_gets_curves(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "eval" / "predictions.jsonl", right_answers(dataset.path))
    (tmp_path / "run" / "visualdl").mkdir(parents=True)
    save_recipe(
        InferRecipe(checkpoint=str(tmp_path / "run"), dataset=str(dataset.path), output_dir=str(path.parent))
    )
    shown = report(path, draws=10)
    file = tmp_path / "run" / "visualdl_scores" / "eval" / "vdlrecords.scores.log"
    assert file.is_file()
    assert str(file) in shown
    report(path, draws=10, curves=tmp_path / "mine")
    assert (tmp_path / "mine" / file.name).is_file()


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


def test_scores_lie_beside_the_checkpoint_too(dataset: Any, tmp_path: Path) -> None:
    record = RunRecord(
        model="base",
        method="full",
        max_steps=3,
        devices={},
        versions={},
        git=None,
        data={},
        starts=(),
    )
    write_run(tmp_path / "model", record)
    path = write_rows(tmp_path / "out" / "predictions.jsonl", right_answers(dataset.path)[:3])
    save_recipe(
        InferRecipe(
            checkpoint=str(tmp_path / "model"),
            dataset=str(dataset.path),
            output_dir=str(path.parent),
            limit=3,
        )
    )
    report(path)
    noted = read_run(tmp_path / "model")
    assert noted
    entry = noted.scores[str(path.parent)]
    saved = json.loads((path.parent / "scores.json").read_text())
    assert entry["scores"] == {name: saved[name] for name in entry["scores"]}
    assert {"AP50", "f1_50", "readable"} <= entry["scores"].keys()
    assert (entry["dataset"], entry["split"], entry["limit"]) == (str(dataset.path), "val", 3)
