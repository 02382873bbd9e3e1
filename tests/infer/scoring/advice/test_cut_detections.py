"""More objects than COCO counts in an image."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from grounding.boxes import Box
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.recipe import InferRecipe, save_recipe
from infer.scoring.changes import NotComparableError, find_changes
from infer.scoring.coco_evaluation import coco_results, coco_scores
from infer.scoring.inputs import read_evaluation
from infer.scoring.outputs import write_scores
from infer.scoring.resampling.average_precision import average_precisions
from tests.infer.scoring.made_predictions import write_rows

MANY = 150
IDS = {"red square": 1, "green circle": 2}


def crowded(folder: Path, objects: int = MANY) -> list[dict[str, Any]]:
    """Put many objects of one category into the first two images, and return perfect predictions."""
    path = folder / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    first, second = (image["id"] for image in content["images"][:2])
    content["annotations"] = [
        {"id": number + 1, "image_id": image_id, "category_id": 1, "iscrowd": 0, "area": 16.0}
        | {"bbox": [number % 20 * 5.0, number // 20 * 5.0, 4.0, 4.0]}
        for number, image_id in enumerate([first] * objects + [second] * objects)
    ]
    path.write_text(json.dumps(content), encoding="utf-8")
    rows = {image["id"]: [] for image in content["images"]}
    for item in content["annotations"]:
        x, y, width, height = item["bbox"]
        rows[item["image_id"]].append({"label": "red square", "box": [x, y, x + width, y + height]})
    return [{"image_id": image_id, "detections": found} for image_id, found in rows.items()]


def test_perfect_predictions_of_many_objects_are_perfect_or_said_to_be_cut(
    dataset: Any, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "out" / "predictions.jsonl", crowded(dataset.path))
    cut = write_scores(path, dataset.path, draws=10)
    assert "cut: AP and AR count at most 100 detections of a category in an image; 2 images with more " in cut
    assert "2 images with more objects and 2 images with more detections: max_detections=150 counts" in cut
    scores = json.loads((path.parent / "scores.json").read_text(encoding="utf-8"))
    assert scores["AP"] < 0.7
    assert scores["f1_50"] == 1
    assert "cut: AP and AR" in (path.parent / "scores.md").read_text(encoding="utf-8")
    for enough in (150, 300):
        report = write_scores(path, dataset.path, draws=10, max_detections=enough)
        assert "cut:" not in report
        scores = json.loads((path.parent / "scores.json").read_text(encoding="utf-8"))
        assert [scores[key] for key in ("AP", "AP50", "AR", "AP_small")] == pytest.approx([1.0] * 4)
        assert scores["intervals"]["AP"] == [1, 1]
        assert scores["limits"]["max_detections"] == enough


def test_the_recipes_key_is_the_default_and_the_line_names_what_was_cut(dataset: Any, tmp_path: Path) -> None:
    rows = crowded(dataset.path)
    for row in rows:
        row["detections"] = row["detections"][:120]
    path = write_rows(tmp_path / "out" / "predictions.jsonl", rows)
    save_recipe(
        InferRecipe(
            checkpoint="m", dataset=str(dataset.path), output_dir=str(path.parent), max_detections=130
        )
    )
    assert read_evaluation(path).max_detections == 130
    report = write_scores(path, draws=0)
    assert "at most 130 detections" in report
    assert "2 images with more objects: max_detections=150" in report
    assert "cut:" not in write_scores(path, draws=0, max_detections=150)


def test_runs_with_two_limits_are_not_compared(dataset: Any, tmp_path: Path) -> None:
    rows = crowded(dataset.path, 12)
    runs = {name: tmp_path / name for name in ("a", "b")}
    for limit, folder in zip((5, 20), runs.values(), strict=True):
        write_scores(write_rows(folder / "predictions.jsonl", rows), dataset.path, 10, max_detections=limit)
    with pytest.raises(NotComparableError, match="max_detections=5, another with 20"):
        find_changes(runs, dataset.path)
    write_scores(runs["b"] / "predictions.jsonl", dataset.path, 10, max_detections=5)
    assert find_changes(runs, dataset.path).metrics["AP"].change == 0


@pytest.mark.parametrize("limit", [1, 3, 7, 100, 250])
@pytest.mark.parametrize("seed", range(3))
def test_any_limit_is_that_of_pycocotools(seed: int, limit: int) -> None:
    generator = np.random.default_rng(seed)
    images = [{"id": number + 5, "width": 300, "height": 300} for number in range(4)]
    annotations, predictions = [], []
    for image in images:
        found = []
        for _ in range(generator.integers(5, 140)):
            x, y, width, height = (*generator.uniform(0, 250, 2), *generator.uniform(20, 50, 2))
            label = str(generator.choice(list(IDS)))
            box = [x, y, width, height]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image["id"], "category_id": IDS[label], "bbox": box}
                | {"area": width * height, "iscrowd": int(generator.random() < 0.05)}
            )
            for _ in range(generator.integers(0, 3)):
                corners = np.array([x, y, x + width, y + height]) + generator.normal(0, 2, 4)
                found.append(Detection(label, Box(*corners.tolist()), float(generator.random())))
        predictions.append(Prediction(image["id"], tuple(found), ()))
    categories = [{"id": number, "name": name} for name, number in IDS.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    ours = coco_scores(content, predictions, IDS, max_detections=limit)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = content
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(coco_results(predictions, IDS)), "bbox")
        evaluation.params.maxDets = [limit]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]

    def mean(values: Any) -> float:
        return float(values[values > -1].mean())

    assert ours.statistics["AP"] == pytest.approx(mean(precision[:, :, :, 0, 0]), abs=1e-9)
    assert ours.statistics["AP_small"] == pytest.approx(mean(precision[:, :, :, 1, 0]), abs=1e-9)
    assert ours.statistics["AR"] == pytest.approx(mean(recall[:, :, 0, 0]), abs=1e-9)
    for place, name in enumerate(IDS):
        assert ours.per_category[name]["AP50"] == pytest.approx(mean(precision[0, :, place, 0, 0]), abs=1e-9)
    drawn = average_precisions(ours.ranked, np.ones((1, len(images))))
    assert drawn["AP"][0] == pytest.approx(ours.statistics["AP"], abs=1e-9)
