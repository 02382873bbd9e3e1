import pytest

from grounding.boxes import Box
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.metrics.expressions import expression_ratios

THERE = Box(0, 0, 100, 10)


def answer(image_id: int, *found: Detection) -> Prediction:
    return Prediction(image_id, found, ())


def wide(width: float, score: float | None = None, label: str = "it") -> Detection:
    """Return a box of which the IoU with the target is width / 100."""
    return Detection(label, Box(0, 0, width, 10), score)


def values_of(
    predictions: list[Prediction], objects: dict[int, list[Detection]], asked: set[int] | None = None
) -> dict[str, float]:
    ids = {item.image_id for item in predictions} if asked is None else asked
    ratios = expression_ratios(predictions, dict.fromkeys(ids, "it"), objects)
    return {key: ratio.value for key, ratio in ratios.items()}


def test_accuracy_at_three_thresholds_and_mean_iou() -> None:
    target = [Detection("it", THERE)]
    predictions = [answer(1, wide(50)), answer(2, wide(75)), answer(3, wide(90)), answer(4)]
    values = values_of(predictions, dict.fromkeys(range(1, 5), target))
    assert values == {
        "ref_accuracy_50": 3 / 4,  # the threshold itself is enough
        "ref_accuracy_75": 2 / 4,
        "ref_accuracy_90": 1 / 4,
        "ref_mean_iou": pytest.approx((0.5 + 0.75 + 0.9) / 4),  # no box counts as 0
        "ref_exact": 3 / 4,
    }


def test_the_first_box_counts_or_the_one_with_the_highest_score() -> None:
    target = {1: [Detection("it", THERE)]}
    assert values_of([answer(1, wide(30), wide(100))], target)["ref_mean_iou"] == pytest.approx(0.3)
    scored = answer(1, wide(30, 0.4), wide(100, 0.6), wide(20, 0.6))
    assert values_of([scored], target)["ref_mean_iou"] == pytest.approx(1)
    assert values_of([scored], target)["ref_exact"] == 0  # more boxes than objects


def test_the_label_does_not_count() -> None:
    target = {1: [Detection("the red cup", THERE)]}
    assert values_of([answer(1, wide(100, label="cup"))], target)["ref_accuracy_90"] == 1


def test_expressions_for_nothing_stand_apart() -> None:
    target = {3: [Detection("it", THERE)]}
    others = [answer(4), answer(5)]  # not asked about an expression, and nothing there
    values = values_of([answer(1), answer(2, wide(100)), answer(3, wide(100)), *others], target, {1, 2, 3})
    assert values["ref_no_target_accuracy"] == 1 / 2
    assert values["ref_accuracy_50"] == 1
    assert values["ref_exact"] == pytest.approx(2 / 3)


def test_expressions_for_several_objects_count_for_exact_answers_alone() -> None:
    other = Box(200, 0, 300, 10)
    targets = {1: [Detection("it", THERE), Detection("it", other)]}
    both = answer(1, Detection("it", other), wide(80))
    assert values_of([both], targets) == {"ref_exact": 1}
    assert values_of([answer(1, wide(100))], targets) == {"ref_exact": 0}


def test_without_expressions_there_is_nothing_to_say() -> None:
    assert values_of([answer(1, wide(100))], {1: [Detection("cat", THERE)]}, asked=set()) == {}
