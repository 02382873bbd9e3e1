import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grounding.answers import DUPLICATE, NO_BOX, TRUNCATED
from grounding.errors import UserError
from grounding.run_record import RunRecord, read_run, write_run
from infer.recipe import InferRecipe, save_recipe
from infer.score import report
from infer.scores import score_predictions

ROOT = Path(__file__).parents[2]


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
    scores = score_predictions(
        write_rows(dataset.path / "predictions.jsonl", right_answers(dataset.path)), dataset.path
    )
    assert pytest.approx(1.0) == scores.AP
    assert scores.AP_large is None  # no object of this data set is large
    assert (scores.precision_50, scores.recall_50, scores.f1_50) == (1.0, 1.0, 1.0)
    assert scores.mean_iou == pytest.approx(1.0)
    assert (scores.readable, scores.truncated, scores.duplicates, scores.unknown_labels) == (
        1.0,
        0.0,
        0.0,
        0.0,
    )
    assert (scores.images, scores.objects, scores.detections) == (7, 7, 7)


def test_each_fault_moves_its_own_number(dataset: Any) -> None:
    rows = right_answers(dataset.path)
    rows[0] |= {"detections": [], "problems": [NO_BOX]}  # not readable
    rows[1] |= {"detections": [], "problems": []}  # read: nothing there
    rows[2]["problems"] = [TRUNCATED]
    rows[3]["detections"] *= 2
    rows[3]["problems"] = [DUPLICATE]
    rows[4]["detections"][0]["label"] = "unicorn"
    scores = score_predictions(write_rows(dataset.path / "predictions.jsonl", rows), dataset.path)
    assert scores.readable == pytest.approx(6 / 7)
    assert scores.truncated == pytest.approx(1 / 7)
    assert scores.duplicates == pytest.approx(1 / 6)
    assert scores.unknown_labels == pytest.approx(1 / 6)
    assert scores.precision_50 == pytest.approx(4 / 6)
    assert scores.recall_50 == pytest.approx(4 / 7)
    assert scores.f1_50 == pytest.approx(2 * 4 / 13)


def test_no_detection_at_all(dataset: Any) -> None:
    rows = [{"image_id": image_id, "detections": []} for image_id in dataset.image_ids]
    scores = score_predictions(write_rows(dataset.path / "predictions.jsonl", rows), dataset.path)
    assert scores.AP == scores.AP50 == scores.f1_50 == scores.mean_iou == 0
    assert scores.readable == 1.0


def test_missing_images_are_an_error_unless_a_limit_was_set(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "out" / "predictions.jsonl", right_answers(dataset.path)[:3])
    with pytest.raises(UserError, match="4 of 7 images have no prediction, the first is image_id 104"):
        score_predictions(path, dataset.path)
    save_recipe(InferRecipe("model", str(dataset.path), str(path.parent), limit=3))
    scores = score_predictions(path)
    assert (scores.images, scores.images_in_data_set, scores.objects) == (3, 7, 3)
    assert pytest.approx(1.0) == scores.AP


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
        score_predictions(path, dataset.path)


def test_an_image_twice_is_an_error(dataset: Any) -> None:
    rows = right_answers(dataset.path)
    path = write_rows(dataset.path / "predictions.jsonl", [*rows, rows[0]])
    with pytest.raises(UserError, match="line 8: image_id 101 comes a second time"):
        score_predictions(path, dataset.path)


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)


def test_command_lines(dataset: Any, tmp_path: Path) -> None:
    rows = right_answers(dataset.path)
    after = write_rows(tmp_path / "after" / "predictions.jsonl", rows).parent
    for row in rows:
        row["detections"] = []
    before = write_rows(tmp_path / "before" / "predictions.jsonl", rows).parent
    assert run("infer.score", str(before)).stderr.startswith("error: ")
    for folder in (before, after):
        done = run("infer.score", str(folder), "--dataset", str(dataset.path))
        assert (done.returncode, done.stderr) == (0, "")
        assert "7 of 7 images scored" in done.stdout
    output = tmp_path / "scores.json"
    shown = run("infer.compare", f"before={before}", f"after={after}", "--output", str(output))
    lines = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()}
    assert lines["metric"] == ["before", "after"]
    assert lines["AP50"] == ["0.0%", "100.0%"]
    assert lines["mean_iou"] == ["0.000", "1.000"]
    saved = json.loads(output.read_text(encoding="utf-8"))
    assert list(saved) == ["before", "after"]
    assert {"AP50", "mean_iou", "f1_50", "readable"} <= saved["after"].keys()
    for folder in (tmp_path, dataset.path):  # one holds the comparison itself, one no scores at all
        failed = run("infer.compare", f"before={folder}")
        assert failed.returncode == 2
        assert "run `python -m infer.score" in failed.stderr


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
    scores = score_predictions(write_rows(dataset.path / "predictions.jsonl", rows), dataset.path)
    assert scores.recall_50 == pytest.approx(6 / 7)
    assert scores.unknown_labels == pytest.approx(1 / 7)
    assert scores.AP50 is not None
    assert scores.AP50 > 0.8


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
    save_recipe(InferRecipe(str(tmp_path / "model"), str(dataset.path), str(path.parent), limit=3))
    report(path)
    noted = read_run(tmp_path / "model")
    assert noted
    entry = noted.scores[str(path.parent)]
    assert entry["scores"] == json.loads((path.parent / "scores.json").read_text())
    assert (entry["dataset"], entry["split"], entry["limit"]) == (str(dataset.path), "val", 3)
