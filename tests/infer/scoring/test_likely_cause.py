import re

import pytest

from grounding.answers.forms import FRACTIONS, OUT_OF_RANGE
from grounding.boxes import Box
from grounding.predictions.prediction_rows import Prediction
from grounding.samples import Detection
from infer.scoring.likely_cause import likely_cause
from infer.scoring.scorecard import Scores

FOUND = (Detection("cat", Box(0, 0, 1, 1)),)


def predictions(*problems: str | None) -> list[Prediction]:
    return [Prediction(number, FOUND, (name,) if name else ()) for number, name in enumerate(problems)]


@pytest.mark.parametrize(
    ("problems", "ap50", "key"),
    [
        (
            (FRACTIONS, FRACTIONS, None),
            0.4,
            "2 of 3 answers .*answer_units=fractions.*--answer-units fractions",
        ),
        ((FRACTIONS, None, None), 0.0, "1 of 3 answers .*answer_units=fractions"),
        (
            (OUT_OF_RANGE, OUT_OF_RANGE, None),
            0.1,
            "2 of 3 .*pixels_resized.*answer_units=pixels;.*--answer-units pixels$",
        ),
        ((FRACTIONS, None, None), 0.4, None),
        ((None, None, None), 0.0, None),
        ((), None, None),
    ],
)
def test_the_cause_and_its_key_are_named(
    problems: tuple[str | None, ...], ap50: float | None, key: str | None
) -> None:
    cause = likely_cause(predictions(*problems), Scores({"AP50": ap50}))
    if key is None:
        assert cause is None
    else:
        assert cause is not None
        assert re.search(key, cause)
