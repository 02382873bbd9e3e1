"""The box head: what it gives before its training, and what becomes of its boxes."""

from typing import Any

import numpy as np
import pytest

from models.heads.box import (
    NUMBERS_OF_A_BOX,
    PLACES,
    WEIGHT_NAMES,
    apply_box_head,
    kept_inside,
    new_weights,
    weight_shapes,
)

WIDTH, HIDDEN, BOXES = 5, 7, 9


def drawn_inputs() -> tuple[Any, Any]:
    import paddle

    chance = np.random.default_rng(0)
    start = chance.uniform(0, 0.5, (BOXES, 2))
    written = np.concatenate([start, start + 0.3], 1).astype("float32")
    states = chance.normal(3, 2, (BOXES, len(PLACES), WIDTH)).astype("float32")
    return paddle.to_tensor(states), paddle.to_tensor(written)


def test_a_new_head_changes_no_box_and_is_sure_of_none() -> None:
    states, written = drawn_inputs()
    weights = new_weights(states, written, HIDDEN, seed=1)
    assert {name: tuple(values.shape) for name, values in weights.items()} == weight_shapes(WIDTH, HIDDEN)
    assert weights.keys() == set(WEIGHT_NAMES)
    corrected, logits = apply_box_head(weights, states, written)
    assert corrected.tolist() == written.tolist()
    assert logits.tolist() == [0.0] * BOXES
    again = new_weights(states, written, HIDDEN, seed=1)
    assert all(np.array_equal(again[name].numpy(), values.numpy()) for name, values in weights.items())


def test_the_head_is_the_formula() -> None:
    """An independent computation in numpy, box by box."""
    import math

    import paddle

    states, written = drawn_inputs()
    weights = new_weights(states, written, HIDDEN, seed=1)
    chance = np.random.default_rng(2)
    for name, values in weights.items():
        if "." in name:
            weights[name] = paddle.to_tensor(chance.normal(0, 0.3, values.shape).astype("float32"))
    corrected, logits = (values.numpy() for values in apply_box_head(weights, states, written))
    known = {name: values.numpy().astype("float64") for name, values in weights.items()}
    for box in range(BOXES):
        own = written[box].numpy().astype("float64")
        joined = [*states[box].numpy().ravel(), *own, own[2] - own[0], own[3] - own[1]]
        assert len(joined) == len(PLACES) * WIDTH + NUMBERS_OF_A_BOX
        inputs = np.clip((np.array(joined) - known["mean"]) / known["scale"], -8, 8)
        parts = {}
        for part in ("correct", "match"):
            inner = inputs @ known[f"{part}.hidden"] + known[f"{part}.hidden_bias"]
            inner = np.array([value * 0.5 * (1 + math.erf(value / math.sqrt(2))) for value in inner])
            parts[part] = inner @ known[f"{part}.out"] + known[f"{part}.out_bias"]
            parts[part] += inputs @ known[f"{part}.linear"]
        sides = np.tile([own[2] - own[0], own[3] - own[1]], 2)
        assert corrected[box] == pytest.approx(own + parts["correct"] * 3 * sides, abs=1e-4)
        assert logits[box] == pytest.approx(parts["match"][0], abs=1e-4)


def test_boxes_stay_inside_and_keep_an_area() -> None:
    import paddle

    written = paddle.to_tensor([[0.1, 0.1, 0.4, 0.4]] * 4)
    corrected = paddle.to_tensor(
        [[-0.2, 0.1, 0.5, 1.5], [0.5, 0.1, 0.4, 0.4], [1.2, 0.1, 1.5, 0.4], [0.2, 0.2, 0.3, 0.3]]
    )
    inside = kept_inside(corrected, written).numpy()
    assert inside[0].tolist() == pytest.approx([0.0, 0.1, 0.5, 1.0])
    assert inside[1:3].tolist() == written[1:3].tolist()
    assert inside[3].tolist() == pytest.approx([0.2, 0.2, 0.3, 0.3])


def test_units_of_the_hidden_layers_can_be_dropped() -> None:
    import paddle

    states, written = drawn_inputs()
    weights = new_weights(states, written, HIDDEN, seed=1)
    for part in ("correct", "match"):
        weights[f"{part}.out"] = weights[f"{part}.out"] + 1.0
    none = {part: paddle.zeros([BOXES, HIDDEN]) for part in ("correct", "match")}
    corrected, logits = apply_box_head(weights, states, written, none)
    assert (corrected.tolist(), logits.tolist()) == (written.tolist(), [0.0] * BOXES)
    moved, sure = apply_box_head(weights, states, written, {"match": none["match"]})
    assert moved.tolist() != written.tolist()
    assert sure.tolist() == [0.0] * BOXES
