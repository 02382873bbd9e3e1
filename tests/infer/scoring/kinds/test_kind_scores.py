"""Scores by kind of picture, compared with pycocotools: it takes any number for an area."""

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
from infer.scoring.coco_evaluation import coco_results, coco_scores
from infer.scoring.evaluation import Evaluation
from infer.scoring.inputs import read_evaluation
from infer.scoring.kinds.bands import (
    FREQUENCY,
    IMAGE_KINDS,
    IMAGE_RATIO,
    OBJECT_KINDS,
    OBJECTS_AN_IMAGE,
    Band,
)
from infer.scoring.kinds.kind_scores import score_kinds
from infer.scoring.outputs import write_scores
from infer.scoring.resampling.bootstrap import draw_images
from infer.scoring.scorecard import score
from tests.infer.scoring.made_predictions import right_answers, write_rows
from tests.infer.scoring.test_coco_evaluation import IDS, random_case


def scene(seed: int) -> tuple[Evaluation, dict[str, Any], list[Prediction]]:
    """Make a random scene with pictures of several shapes, and crowd regions."""
    from grounding.card import Card
    from grounding.categories import Category
    from grounding.predictions.annotations import objects_by_image

    annotations, predictions = random_case(seed, scored=True)
    generator = np.random.default_rng(seed)
    for image in annotations["images"]:
        image |= {"width": int(generator.integers(200, 3000)), "height": 640}
    for item in annotations["annotations"][::3]:
        item["bbox"][3] *= float(generator.uniform(0.02, 0.3))  # very wide
        item["area"] = item["bbox"][2] * item["bbox"][3] * 0.5
    card = Card("", {}, "json", tuple(Category(number, name) for name, number in IDS.items()), "", {}, {})
    objects, crowds = objects_by_image(annotations, card)
    evaluation = Evaluation(card, annotations, tuple(predictions), len(predictions), objects, crowds, {})
    return evaluation, annotations, predictions


def as_coco(
    annotations: dict[str, Any], predictions: list[Prediction], number_of: Any, band: Band
) -> tuple[float, float]:
    """Return pycocotools' AP and AP50 of a band; `number_of` takes image id, box and area."""
    content = json.loads(json.dumps(annotations))
    for item in content["annotations"]:
        item["area"] = number_of(item["image_id"], Box.from_xywh(*item["bbox"]), item["area"])
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = content
        truth.createIndex()
        found = truth.loadRes(coco_results(predictions, IDS))
        for item in found.anns.values():
            box = Box.from_xywh(*item["bbox"])
            item["area"] = number_of(item["image_id"], box, box.area)
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.areaRng = [[band.low, band.high]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    if not (precision > -1).any():
        return -1, -1
    return float(precision[precision > -1].mean()), float(precision[0][precision[0] > -1].mean())


@pytest.mark.parametrize("seed", range(6))
def test_every_kind_is_what_pycocotools_computes(seed: int) -> None:
    evaluation, annotations, predictions = scene(seed)
    table = score_kinds(evaluation, coco_scores(annotations, predictions, IDS), None, None)
    counts = {item.image_id: len(evaluation.objects.get(item.image_id, ())) for item in predictions}
    ratios = {image["id"]: image["width"] / image["height"] for image in annotations["images"]}
    numbers: dict[str, Any] = {
        OBJECTS_AN_IMAGE: lambda image_id, box, area: counts[image_id],
        IMAGE_RATIO: lambda image_id, box, area: ratios[image_id],
    }
    for name, kind in OBJECT_KINDS.items():
        numbers[name] = lambda image_id, box, area, kind=kind: kind.number_of(box, area)
    bands = IMAGE_KINDS | {name: kind.bands for name, kind in OBJECT_KINDS.items()}
    compared = 0
    for kind, number_of in numbers.items():
        for band in bands[kind]:
            expected = as_coco(annotations, predictions, number_of, band)
            row = table[kind].get(band.name)
            if expected[0] < 0:
                assert row is None or row["AP"] is None
                continue
            assert row is not None
            assert (row["AP"], row["AP50"]) == pytest.approx(expected, abs=1e-9), (kind, band.name)
            compared += 1
    assert compared >= 10


@pytest.mark.parametrize("seed", range(3))
def test_sizes_are_cocos_own(seed: int) -> None:
    evaluation, annotations, predictions = scene(seed)
    coco = coco_scores(annotations, predictions, IDS)
    rows = list(score_kinds(evaluation, coco, None, None)["object size"].values())
    expected = [coco.statistics[key] for key in ("AP_small", "AP_medium", "AP_large")]
    assert [row["AP"] for row in rows] == pytest.approx(expected, abs=1e-9)


def test_categories_are_grouped_by_their_training_images() -> None:
    evaluation, annotations, predictions = scene(1)
    coco = coco_scores(annotations, predictions, IDS)
    trained = {"cat": 500, "bird": 10}
    rows = score_kinds(evaluation, coco, draw_images(range(25), 50), trained)[FREQUENCY]
    assert list(rows) == ["not in training", "rare (1 to 10 images)", "frequent (over 100)"]
    for name, label in zip(rows, ("dog", "bird", "cat"), strict=True):
        assert rows[name]["AP"] == pytest.approx(coco.per_category[label]["AP"], abs=1e-9)
        assert rows[name]["objects"] == sum(
            item["category_id"] == IDS[label] and not item["iscrowd"] for item in annotations["annotations"]
        )
        low, high = rows[name]["intervals"]["AP"]
        assert low < rows[name]["AP"] < high
    assert FREQUENCY not in score_kinds(evaluation, coco, None, None)


def test_recall_and_f1_are_those_of_the_images_alone() -> None:
    evaluation, annotations, predictions = scene(3)
    table = score_kinds(evaluation, coco_scores(annotations, predictions, IDS), None, None)[OBJECTS_AN_IMAGE]
    right = wrong = missed = 0
    for item, match in zip(evaluation.predictions, evaluation.matches, strict=True):
        if 2 <= len(evaluation.objects.get(item.image_id, ())) <= 4:
            counts = match.count(0)
            right, wrong, missed = right + counts[0], wrong + counts[1], missed + counts[2]
    assert table["2 to 4"]["f1_50"] == pytest.approx(2 * right / (2 * right + wrong + missed))
    assert sum(row["images"] for row in table.values()) == len(predictions)
    assert sum(row["objects"] for row in table.values()) == sum(map(len, evaluation.objects.values()))
    assert table["none"]["AP"] is None


def test_tables_are_in_the_files_and_behind_a_word(dataset: Any, tmp_path: Path) -> None:
    rows = right_answers(dataset.path)
    rows[0]["detections"] = []
    path = write_rows(tmp_path / "out" / "predictions.jsonl", rows)
    short = write_scores(path, dataset.path, draws=20)
    assert "objects an image" not in short
    full = write_scores(path, dataset.path, draws=20, by=("kind", "category"))
    for words in ("objects an image", "object size", "object width : height", "category frequency"):
        assert words in full
        assert f"## By {words}" in (path.parent / "scores.md").read_text(encoding="utf-8")
    assert "rare (1 to 10 images)" in full
    saved = json.loads((path.parent / "scores.json").read_text(encoding="utf-8"))
    row = saved["by_kind"]["objects an image"]["1"]
    assert (row["images"], row["objects"]) == (7, 7)
    assert row["recall_50"] == pytest.approx(6 / 7)
    assert row["AP50"] == pytest.approx(saved["AP50"])
    low, high = saved["category_intervals"]["red square"]["recall_50"]
    assert low < 6 / 7 <= high
    assert saved["category_intervals"]["red square"]["AP"] == saved["intervals"]["AP"]
    assert saved["category_intervals"]["green circle"] == {}


def test_a_broken_training_file_is_said_and_a_missing_one_leaves_the_kind_out(
    dataset: Any, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "out" / "predictions.jsonl", right_answers(dataset.path))
    (dataset.path / "train.jsonl").write_text('{"messages": 3}\n', encoding="utf-8")
    report = write_scores(path, dataset.path, draws=0, by=("kind",))
    assert "no scores by category frequency: " in report
    assert "line 1: not a training record" in report
    asked = {"ref": ["the one at the left"], "bbox": [[1, 2, 3, 4]]}
    row = {"messages": [], "images": ["a.png"], "objects": asked}
    (dataset.path / "train.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    scores = score(read_evaluation(path, dataset.path), draws=0)
    assert FREQUENCY not in scores.by_kind  # expressions are no categories
    (dataset.path / "train.jsonl").unlink()
    scores = score(read_evaluation(path, dataset.path), draws=0)
    assert FREQUENCY not in scores.by_kind
    assert scores.notes == ()
