"""A head learns what its states tell, and changes no box where they tell nothing."""

from typing import Any

import numpy as np
import pytest

from models.heads.box import PLACES
from train.box_head.box_head_recipe import BoxHeadRecipe
from train.box_head.head_fitting import FittedHead, fit_head
from train.box_head.learned_boxes import LearnedBoxes

WIDTH, BOXES = 4, 600


def recipe(**changes: Any) -> BoxHeadRecipe:
    keys = {"hidden": 16, "epochs": 20, "box_batch": 32, "learning_rate": 0.01, "held_out": 0.25}
    return BoxHeadRecipe(checkpoint="model", dataset="data", **(keys | changes))


def drawn(*, tells: bool, seed: int = 0) -> LearnedBoxes:
    """Boxes with a noise that the states hold, or with one that they do not; a third matches nothing."""
    chance = np.random.default_rng(seed)
    start = chance.uniform(0.1, 0.5, (BOXES, 2))
    wanted = np.concatenate([start, start + chance.uniform(0.2, 0.4, (BOXES, 2))], 1)
    noise = chance.normal(0, 0.03, (BOXES, 4))
    matched = (np.arange(BOXES) % 3 > 0).astype("float32")
    states = chance.normal(0, 1, (BOXES, len(PLACES), WIDTH))
    if tells:
        states[:, 1, :4] = 30 * noise
        states[:, 0, 0] = matched
    return LearnedBoxes(
        states.astype("float16"),
        (wanted + noise).astype("float32"),
        (wanted * matched[:, None]).astype("float32"),
        matched,
        np.full(BOXES, 500.0, "float32"),
        np.arange(BOXES) // 2,
    )


@pytest.fixture(scope="module")
def learned() -> FittedHead:
    return fit_head(drawn(tells=True), recipe())


def test_a_head_learns_what_the_states_tell(learned: FittedHead) -> None:
    figures = learned.measured
    assert figures["mean_iou_text"] < 0.85
    assert figures["mean_iou_head"] > 0.9
    assert figures["share_at_90_head"] > figures["share_at_90_text"] + 0.3
    assert figures["match_loss_before"] == pytest.approx(np.log(2), abs=1e-6)
    assert figures["match_loss"] < 0.2


def test_an_epoch_that_makes_held_out_boxes_worse_is_not_kept() -> None:
    """The states tell nothing of the noise: steps that are too large do harm from the first epoch on."""
    fitted = fit_head(drawn(tells=False), recipe(epochs=3, learning_rate=0.5))
    figures = fitted.measured
    assert figures["mean_iou_head"] == figures["mean_iou_text"]
    assert not any(fitted.weights[f"correct.{name}"].any() for name in ("linear", "out", "out_bias"))
    assert figures["match_loss"] <= figures["match_loss_before"]


def test_the_same_boxes_give_the_same_head(learned: FittedHead) -> None:
    again = fit_head(drawn(tells=True), recipe())
    assert all(np.array_equal(again.weights[name], values) for name, values in learned.weights.items())
    other = fit_head(drawn(tells=True), recipe(seed=1))
    assert not np.array_equal(other.weights["correct.hidden"], learned.weights["correct.hidden"])


def test_without_its_weight_a_part_is_not_learned() -> None:
    unmatched = fit_head(drawn(tells=True), recipe(match_weight=0.0, epochs=2, weight_decay=0.0))
    assert not any(unmatched.weights[f"match.{name}"].any() for name in ("linear", "out", "out_bias"))
    unmoved = fit_head(drawn(tells=True), recipe(l1_weight=0.0, giou_weight=0.0, epochs=2, weight_decay=0.0))
    assert not any(unmoved.weights[f"correct.{name}"].any() for name in ("linear", "out", "out_bias"))
