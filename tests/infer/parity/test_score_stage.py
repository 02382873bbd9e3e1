"""Scores and features of equal boxes: gaps are named, roundings and other texts are not."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from infer.confidence.box_features import FEATURE_NAMES
from infer.confidence.calibration import Calibration, FittedOn, Weighing
from infer.engines.protocol import Token
from infer.parity.score_stage import SCORE_TOLERANCE, score_difference, score_gaps
from infer.parity.seen import SeenAnswer
from tests.infer.parity.made_answers import ANSWER, comparison

PIECES = (("red", -0.5), ("(", -0.01), ("1", -0.3), (",", -0.01), ("2),(3,4)", -0.25))
OTHERS = (("7", -1.5), ("x", -3.0))


def answer(
    *, shift: float = 0.0, others: tuple[tuple[str, float], ...] = OTHERS, text: str = ""
) -> SeenAnswer:
    pieces = [(piece, logprob - shift) for piece, logprob in PIECES] if not text else [(text, -0.5 - shift)]
    written = tuple(
        Token(piece, logprob, alternatives=((piece, logprob), *others) if others else ())
        for piece, logprob in pieces
    )
    return replace(ANSWER, text="".join(token.text for token in written), written=written)


def difference(there: SeenAnswer, here: SeenAnswer, count: int = 1, **settings: Any) -> str | None:
    """Return what is said of pictures of which none is resized."""
    pairs = [replace(pair, is_resized=False) for pair in comparison(*[there] * count, ours=here).pairs]
    compared = replace(comparison(there, ours=here), pairs=pairs)
    compared = replace(compared, ours=replace(compared.ours, settings={"dtype": "float32", **settings}))
    found = score_difference(compared)
    assert found is None or found.stage == "scores"
    return found and found.detail


def test_equal_and_rounded_scores_are_the_same() -> None:
    assert difference(answer(), answer()) is None
    assert difference(answer(shift=1e-5), answer()) is None


def test_other_probabilities_are_named_with_the_largest_gap() -> None:
    said = difference(answer(shift=0.05), answer())
    assert said is not None
    assert "mean_logprob, min_prob, label_mean" in said
    assert "at temperature 1 and before top_k" in said
    assert difference(answer(shift=0.05), answer(), dtype="bfloat16") is None  # rounds more


def test_alternatives_are_compared_where_both_have_them() -> None:
    """Those after a filter are others, though the tokens and their probabilities are the same."""
    said = difference(answer(others=(("7", -math.inf),)), answer())
    assert said is not None
    assert "first_digit_entropy" in said
    assert "mean_logprob" not in said
    assert difference(answer(others=()), answer()) is None
    names = {each.name for each in score_gaps(comparison(answer(others=()), ours=answer()).pairs)}
    assert names == {"mean_logprob", "min_prob"}


def test_the_scores_of_a_calibration_are_compared() -> None:
    count = len(FEATURE_NAMES)
    weights = tuple(float(name == "label_min") for name in FEATURE_NAMES)
    ranges = {
        "means": (0.0,) * count,
        "scales": (1.0,) * count,
        "lows": (-9.0,) * count,
        "highs": (9.0,) * count,
    }
    weighing = Weighing(FEATURE_NAMES, weights=weights, bias=0.0, **ranges)
    calibration = Calibration(weighing, FittedOn("", "", "train", "objects", (), 0, 0, {}, {}), {})
    pairs = comparison(answer(shift=0.2), ours=answer()).pairs
    (gap,) = [each.gap for each in score_gaps(pairs, calibration) if each.name == "calibrated"]
    logits = (-0.5, -0.7)
    assert gap == pytest.approx(abs(np.subtract(*(1 / (1 + np.exp(-np.array(logits)))))), abs=2e-4)
    assert "calibrated" not in {each.name for each in score_gaps(pairs)}


def test_a_box_without_a_score_on_one_side_differs() -> None:
    assert difference(replace(answer(), written=()), answer()) is None  # an engine without probabilities
    empty = replace(answer(), written=(Token("", -1.0, content=b"<|im_end|>"),))
    assert "by inf" in (difference(empty, answer()) or "")


def test_a_text_without_a_box_is_compared_token_by_token() -> None:
    assert "(log-probabilities)" in (difference(answer(text="words", shift=0.1), answer(text="words")) or "")
    assert difference(answer(text="words"), answer(text="words")) is None
    assert score_gaps(comparison(answer(text="words"), ours=answer(text="other")).pairs) == []


def test_a_few_of_many_and_resized_pictures_may_differ_a_little() -> None:
    few = comparison(*[answer()] * 199, answer(shift=0.05), ours=answer())
    assert score_difference(few) is None
    gaps = score_gaps(comparison(answer(), answer(shift=2e-3), ours=answer()).pairs)
    assert [each.is_resized for each in gaps if each.gap > SCORE_TOLERANCE]
    assert score_difference(comparison(answer(), answer(shift=2e-3), ours=answer())) is None


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_answer_has_no_scores(text: str) -> None:
    nothing = replace(ANSWER, text=text, written=())
    assert score_gaps(comparison(nothing, ours=nothing).pairs) == []
