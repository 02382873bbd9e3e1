from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Box
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.metrics.presence import false_positives_by_choice, presence_ratios

CATEGORIES = frozenset({"cat", "dog"})
BOX = Box(0, 0, 10, 10)


def case(
    *questions: tuple[str | None, bool, list[str]], negative: str | None = None
) -> tuple[list[Prediction], dict[str, Any]]:
    """Make questions out of what is asked, whether it is there, and the labels of the answer."""
    images: list[dict[str, Any]] = []
    annotations = []
    predictions = []
    for number, (asked, is_there, labels) in enumerate(questions, start=1):
        images.append({"id": number} | ({} if asked is None else {"asked": asked}))
        if not is_there and asked is not None:
            images[-1]["negative"] = negative
        if is_there:
            annotations.append({"id": number, "image_id": number, "category_id": 1, "bbox": [0, 0, 10, 10]})
        predictions.append(Prediction(number, tuple(Detection(label, BOX) for label in labels), ()))
    return predictions, {"images": images, "annotations": annotations}


def values_of(predictions: list[Prediction], annotations: dict[str, Any]) -> dict[str, float]:
    ratios = presence_ratios(predictions, annotations, CATEGORIES)
    return {key: ratio.value for key, ratio in ratios.items()}


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20))
def test_pope_by_its_own_definition(answers: list[tuple[bool, bool]]) -> None:
    truth, said = (np.array(column) for column in zip(*answers, strict=True))
    values = values_of(*case(*(("cat", there, ["cat"] if yes else []) for there, yes in answers)))
    hits, yes, there = int((truth & said).sum()), int(said.sum()), int(truth.sum())
    assert values["pope_accuracy"] == pytest.approx(float((truth == said).mean()))
    assert values["pope_precision"] == pytest.approx(hits / yes if yes else 0)
    assert values["pope_recall"] == pytest.approx(hits / there if there else 0)
    assert values["pope_f1"] == pytest.approx(2 * hits / (yes + there) if yes + there else 0)
    assert values["pope_yes_ratio"] == pytest.approx(yes / len(answers))
    if there < len(answers):
        assert values["false_positive_rate"] == pytest.approx((yes - hits) / (len(answers) - there))
    else:
        assert "false_positive_rate" not in values


def test_a_box_of_another_label_is_no_yes() -> None:
    values = values_of(*case(("cat", False, ["dog"]), ("cat", True, ["dog"])))
    assert (values["pope_accuracy"], values["pope_yes_ratio"], values["false_positive_rate"]) == (0.5, 0, 0)


def test_expressions_for_nothing_count_among_the_negatives_with_any_box() -> None:
    values = values_of(*case(("the red cup", False, ["cup"]), ("the blue cup", False, [])))
    assert values == {"false_positive_rate": 0.5}


def test_pope_is_about_categories_alone() -> None:
    values = values_of(*case(("cat", True, []), ("the cup", True, ["the cup"]), (None, True, ["cat"])))
    assert (values["pope_accuracy"], values["pope_yes_ratio"], values["pope_recall"]) == (0, 0, 0)


def test_questions_about_everything_say_nothing() -> None:
    assert values_of(*case((None, True, ["cat"]), (None, False, []))) == {}


def test_a_rate_for_each_choice_of_negatives() -> None:
    predictions, annotations = case(("cat", False, ["cat"]), ("dog", False, []), ("cat", True, []))
    annotations["images"][0]["negative"] = "popular"
    annotations["images"][1]["negative"] = "adversarial"
    assert false_positives_by_choice(predictions, annotations, CATEGORIES) == {
        "adversarial": {"questions": 1, "false_positive_rate": 0},
        "popular": {"questions": 1, "false_positive_rate": 1},
    }
