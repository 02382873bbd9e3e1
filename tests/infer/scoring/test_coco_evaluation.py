import contextlib
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from grounding.boxes import Box
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.coco_evaluation import coco_results, coco_scores, coco_statistics

# The lines that pycocotools' summarize() prints, from the top.
PYCOCOTOOLS_ORDER = (
    *("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large"),
    *("AR at 1", "AR at 10", "AR", "AR_small", "AR_medium", "AR_large"),
)
IDS = {"cat": 17, "dog": 18, "bird": 16}


def random_case(seed: int, *, scored: bool) -> tuple[dict[str, Any], list[Prediction]]:
    """Draw objects (a tenth of them crowds) and detections near them, near others, and of no category."""
    generator = np.random.default_rng(seed)
    images = [
        {"id": number * 7 + 3, "width": 640, "height": 480, "file_name": f"{number}"} for number in range(25)
    ]
    annotations: list[dict[str, Any]] = []
    predictions = []
    for image in images:
        found = []
        for _ in range(generator.integers(0, 9)):
            x, y = generator.uniform(0, 400, 2)
            width, height = generator.uniform(4, 230, 2)
            label = str(generator.choice(list(IDS)))
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image["id"], "category_id": IDS[label]}
                | {"bbox": [x, y, width, height], "area": width * height * 0.7}
                | {"iscrowd": int(generator.random() < 0.1)}
            )
            for _ in range(generator.integers(0, 3)):
                shift = generator.normal(0, 0.1, 4) * [width, height, width, height]
                corners = np.array([x, y, x + width, y + height]) + shift
                label = label if generator.random() < 0.8 else str(generator.choice([*IDS, "unicorn"]))
                score = float(generator.random()) if scored else None
                found.append(Detection(label, Box(*corners.tolist()), score))
        predictions.append(Prediction(image["id"], tuple(found), ()))
    categories = [{"id": number, "name": name} for name, number in IDS.items()]
    return {"images": images, "annotations": annotations, "categories": categories}, predictions


def reference(
    annotations: dict[str, Any], predictions: list[Prediction], category: int | None = None
) -> list[float]:
    rows = [
        {"image_id": prediction.image_id, "category_id": IDS[found.label], "bbox": list(found.box.xywh)}
        | {"score": 1.0 if found.score is None else found.score}
        for prediction in predictions
        for found in prediction.detections
        if found.label in IDS
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = annotations
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
        if category is not None:
            evaluation.params.catIds = [category]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_equals_pycocotools(seed: int, scored: bool) -> None:
    annotations, predictions = random_case(seed, scored=scored)
    expected = reference(annotations, predictions)
    ours = coco_statistics(annotations, predictions, IDS)
    assert expected[0] > 0.05  # a case in which there is something to compare
    assert list(ours) == [name for name in PYCOCOTOOLS_ORDER if name in ours]
    assert {"AP", "AP50", "AP75", "AR"} <= ours.keys()
    for name, value in zip(PYCOCOTOOLS_ORDER, expected, strict=True):
        if name in ours:
            assert ours[name] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("scored", [True, False])
def test_each_category_equals_pycocotools(scored: bool) -> None:
    annotations, predictions = random_case(3, scored=scored)
    per_category = coco_scores(annotations, predictions, IDS).per_category
    assert list(per_category) == list(IDS)
    for name, number in IDS.items():
        expected = dict(zip(PYCOCOTOOLS_ORDER, reference(annotations, predictions, number), strict=True))
        assert per_category[name] == {
            key: pytest.approx(expected[key], abs=1e-9) for key in ("AP", "AP50", "AP75", "AR")
        }


def test_scores_can_be_left_out() -> None:
    annotations, predictions = random_case(1, scored=True)
    without = [
        replace(item, detections=tuple(replace(found, score=None) for found in item.detections))
        for item in predictions
    ]
    expected = reference(annotations, without)
    ours = coco_scores(annotations, predictions, IDS, with_scores=False).statistics
    assert ours["AP"] == pytest.approx(expected[0], abs=1e-9)
    assert ours["AP"] != coco_scores(annotations, predictions, IDS).statistics["AP"]


def test_results_are_what_pycocotools_loads() -> None:
    annotations, predictions = random_case(2, scored=True)
    truth = COCO()
    truth.dataset = annotations
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        loaded = truth.loadRes(coco_results(predictions, IDS))
    known = [found for item in predictions for found in item.detections if found.label in IDS]
    assert len(known) < sum(len(item.detections) for item in predictions)
    assert [row["score"] for row in loaded.anns.values()] == [found.score for found in known]
    assert [row["bbox"] for row in loaded.anns.values()] == [list(found.box.xywh) for found in known]


def test_no_prediction_scores_zero_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    annotations, predictions = random_case(0, scored=False)
    empty = [Prediction(prediction.image_id, (), ()) for prediction in predictions]
    scores = coco_statistics(annotations, empty, IDS)
    assert scores["AP"] == scores["AP50"] == scores["AR"] == 0
    assert capfd.readouterr() == ("", "")


def test_without_any_object_there_is_no_ap() -> None:
    annotations, predictions = random_case(0, scored=False)
    annotations["annotations"] = []
    assert set(coco_statistics(annotations, predictions, IDS).values()) == {None}
    empty = [Prediction(prediction.image_id, (), ()) for prediction in predictions]
    assert set(coco_statistics(annotations, empty, IDS).values()) == {None}


def test_order_decides_among_equal_scores() -> None:
    annotations = {
        "images": [{"id": 1, "width": 100, "height": 100}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 17, "bbox": [0, 0, 50, 50], "area": 2500, "iscrowd": 0}
        ],
        "categories": [{"id": 17, "name": "cat"}],
    }
    right, wrong = Detection("cat", Box(0, 0, 50, 50)), Detection("cat", Box(60, 60, 90, 90))
    first = coco_statistics(annotations, [Prediction(1, (right, wrong), ())], IDS)
    second = coco_statistics(annotations, [Prediction(1, (wrong, right), ())], IDS)
    assert first["AP50"] == pytest.approx(1.0)
    assert second["AP50"] == pytest.approx(0.5)
