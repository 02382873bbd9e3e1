from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from grounding.predictions.prediction_rows import Prediction
from infer.scoring.coco_evaluation import coco_scores
from infer.scoring.resampling.average_precision import average_precisions
from infer.scoring.resampling.ranking import match_as_coco
from tests.infer.scoring.test_coco_evaluation import IDS, random_case, reference


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_every_image_once_is_cocos_ap(seed: int, scored: bool) -> None:
    annotations, predictions = random_case(seed, scored=scored)
    scores = coco_scores(annotations, predictions, IDS)
    drawn = average_precisions(scores.ranked, np.ones((2, len(predictions))))
    expected = reference(annotations, predictions)
    for place, key in enumerate(("AP", "AP50", "AP75")):
        assert drawn[key] == pytest.approx([expected[place]] * 2, abs=1e-9)


def repeat(
    annotations: dict[str, Any], predictions: list[Prediction], times: list[int]
) -> tuple[dict[str, Any], list[Prediction]]:
    """Return a data set that holds each image so many times, under new ids in the same order."""
    images, objects, answers = [], [], []
    for place, image in enumerate(annotations["images"]):
        for number in range(times[place]):
            image_id = place * 100 + number + 1
            images.append({**image, "id": image_id})
            for item in annotations["annotations"]:
                if item["image_id"] == image["id"]:
                    objects.append({**item, "id": len(objects) + 1, "image_id": image_id})
            answers.append(replace(predictions[place], image_id=image_id))
    return {**annotations, "images": images, "annotations": objects}, answers


@pytest.mark.parametrize("seed", range(5))
def test_a_draw_is_the_ap_of_a_data_set_with_repeated_and_missing_images(seed: int) -> None:
    annotations, predictions = random_case(seed, scored=True)
    times = np.random.default_rng(seed).integers(0, 4, len(predictions))
    ranked = coco_scores(annotations, predictions, IDS).ranked
    weights = np.array([times, np.ones_like(times)], np.float64)
    expected = reference(*repeat(annotations, predictions, times.tolist()))
    drawn = average_precisions(ranked, weights)
    for place, key in enumerate(("AP", "AP50", "AP75")):
        assert drawn[key][0] == pytest.approx(expected[place], abs=1e-9)


def test_blocks_of_draws_give_what_all_at_once_give(monkeypatch: pytest.MonkeyPatch) -> None:
    annotations, predictions = random_case(0, scored=False)
    ranked = coco_scores(annotations, predictions, IDS).ranked
    weights = np.random.default_rng(0).integers(0, 3, (37, len(predictions))).astype(np.float64)
    at_once = average_precisions(ranked, weights)
    monkeypatch.setattr("infer.scoring.resampling.average_precision.NUMBERS_AT_ONCE", 5000)
    in_blocks = average_precisions(ranked, weights)
    assert all(np.array_equal(at_once[key], in_blocks[key]) for key in at_once)


def test_a_draw_without_objects_has_no_ap() -> None:
    annotations, predictions = random_case(0, scored=False)
    ranked = coco_scores(annotations, predictions, IDS).ranked
    assert np.isnan(average_precisions(ranked, np.zeros((1, len(predictions))))["AP"]).all()


def test_without_detections_ap_is_zero() -> None:
    annotations, predictions = random_case(0, scored=False)
    empty = [Prediction(item.image_id, (), ()) for item in predictions]
    ranked = coco_scores(annotations, empty, IDS).ranked
    assert average_precisions(ranked, np.ones((1, len(empty))))["AP50"].tolist() == [0]


def test_a_detection_in_a_crowd_is_neither_right_nor_wrong() -> None:
    ious = np.array([[0.7, 0.9], [0.0, 0.9], [0.1, 0.2]])  # of an object, and with a crowd region
    right, wrong = match_as_coco(ious, np.array([False, True]))
    assert right[0].tolist() == [True, False, False]
    assert wrong[0].tolist() == [False, False, True]
    assert right[-1].tolist() == [False] * 3  # at 0.95, above both overlaps of the first
    assert wrong[-1].tolist() == [True] * 3
