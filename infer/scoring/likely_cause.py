"""The likely cause of bad scores: coordinates in other units than the recipe says."""

from collections.abc import Sequence

from grounding.answers.forms import FRACTIONS, OUT_OF_RANGE
from grounding.predictions.prediction_rows import Prediction
from infer.scoring.scorecard import Scores

MOST = 0.5
"""Share of the answers with boxes of which a kind is the rule, not an accident."""

_CAUSES = (
    (FRACTIONS, "hold only numbers up to 1", "fractions of the image", "fractions"),
    (
        OUT_OF_RANGE,
        "have coordinates outside 0..1000",
        "pixels (Qwen2.5-VL: pixels_resized)",
        "pixels",
    ),
)


def likely_cause(predictions: Sequence[Prediction], scores: Scores) -> str | None:
    """Return a line that names the likely cause of bad scores, and its mend; None where there is none.

    There is one if most of the answers with boxes are in other units, or any is and the AP50 is 0.
    """
    for problem, what, meaning, units in _CAUSES:
        answers = [item for item in predictions if item.place == 0 and _says_something(item)]
        found = sum(problem in item.problems for item in answers)
        if found > MOST * len(answers) or (found and scores.values.get("AP50") == 0):
            return (
                f"likely cause: {found:,} of {len(answers):,} answers {what}: if the model writes {meaning}, "
                f"ask again with answer_units={units}; another tool's texts: --answer-units {units}"
            )
    return None


def _says_something(answer: Prediction) -> bool:
    return bool(answer.detections or answer.found_elsewhere or answer.problems)
