from grounding.answers.forms import DUPLICATE, NO_BOX, OUT_OF_RANGE, TRUNCATED
from grounding.boxes import Box, Size
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.metrics.quality import count_problems, count_unknown_labels, quality_ratios

CATEGORIES = frozenset({"cat"})


def values_of(*predictions: Prediction) -> dict[str, float]:
    ratios = quality_ratios(predictions, CATEGORIES, {3: "the red cup"}, {1: Size(100, 50)})
    return {key: ratio.value for key, ratio in ratios.items()}


def found(label: str = "cat", x: float = 0, x2: float = 10) -> Detection:
    return Detection(label, Box(x, 0, x2, 10))


def test_each_fault_has_its_number() -> None:
    predictions = (
        Prediction(1, (found(), found(), found(x=1), found("unicorn")), (DUPLICATE, TRUNCATED)),
        Prediction(2, (), (NO_BOX,)),
        Prediction(3, (found("the red cup"), found("another cup")), ()),
        Prediction(4, (), ()),
    )
    assert values_of(*predictions) == {
        "readable": 3 / 4, "truncated": 1 / 4,
        "duplicates": 1 / 6, "unknown_labels": 2 / 6, "out_of_range": 0,
    }  # fmt: skip
    assert count_problems(predictions) == {DUPLICATE: 1, NO_BOX: 1, TRUNCATED: 1}
    assert count_unknown_labels(predictions, CATEGORIES, {3: "the red cup"}) == {
        "another cup": 1,
        "unicorn": 1,
    }


def test_boxes_out_of_range_by_the_readers_word_and_by_the_image() -> None:
    clipped = Prediction(2, (found(), found(x=2)), (OUT_OF_RANGE,))
    assert values_of(clipped)["out_of_range"] == 1 / 2
    outside = Prediction(1, (found(x2=100.4), found(x2=100.6), found(x=-3)), ())
    assert values_of(outside)["out_of_range"] == 2 / 3
    dropped = Prediction(2, (), (OUT_OF_RANGE, OUT_OF_RANGE))
    assert values_of(dropped)["out_of_range"] == 1
