"""A head that reads how a model wrote a box: a correction of the box, and how likely it matches an object.

The base model stays as it is. The head sees hidden states of the last layer at `PLACES` of an answer, which
the caller finds, and the box as it is written. Of its two parts, one gives the correction and one the match.
Each is a linear map plus a network with one hidden layer: with few boxes to learn from, the linear map does
most of the work.

Boxes here are xyxy as shares of the image's width and height, 0 to 1, without a grid.
"""

from collections.abc import Mapping
from typing import Any

PLACES = ("label_end", "box_end", "before_x1", "before_y1", "before_x2", "before_y2")
"""The tokens whose states the head reads, in their order.

`label_end` and `box_end` are the last tokens of label and box. The others are the tokens before the first
digit of each number: their states choose that digit, so that they hold what else could stand there.
"""

NUMBERS_OF_A_BOX = 6
PARTS = {"correct": 4, "match": 1}
"""The parts of the head, with the numbers that each gives."""

FARTHEST = 8.0
"""An input counts as at most this many standard deviations of its training values."""

LEAST_SPREAD = 1e-3
"""Inputs that are always the same are not blown up."""

REACH = 3.0
"""A change of 1 is so many sides of the box: the correction learns as much faster than the match."""

Weights = Mapping[str, Any]
"""Paddle tensors by name, in float32: `WEIGHT_NAMES`."""

WEIGHT_NAMES = (
    "mean",
    "scale",
    *(f"{part}.{name}" for part in PARTS for name in ("linear", "hidden", "hidden_bias", "out", "out_bias")),
)


def weight_shapes(width: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a head's weights over states of this width; matrices are (in, out)."""
    inputs = len(PLACES) * width + NUMBERS_OF_A_BOX
    shapes: dict[str, tuple[int, ...]] = {"mean": (inputs,), "scale": (inputs,)}
    for part, numbers in PARTS.items():
        shapes[f"{part}.linear"] = (inputs, numbers)
        shapes[f"{part}.hidden"], shapes[f"{part}.hidden_bias"] = (inputs, hidden), (hidden,)
        shapes[f"{part}.out"], shapes[f"{part}.out_bias"] = (hidden, numbers), (numbers,)
    return shapes


def new_weights(states: Any, written: Any, hidden: int, seed: int) -> dict[str, Any]:
    """Return the weights of a head before its training: it changes no box, and is sure of none.

    `states` (boxes, places, width) and `written` (boxes, 4) are those of the training: inputs are
    standardised by them.
    """
    import numpy as np
    import paddle

    inputs = head_inputs(states, written).numpy().astype("float64")
    known = {"mean": inputs.mean(0), "scale": np.maximum(inputs.std(0), LEAST_SPREAD)}
    weights = {name: paddle.to_tensor(values.astype("float32")) for name, values in known.items()}
    parts = new_parts(states.shape[-1], hidden, seed)
    return weights | {name: paddle.to_tensor(values) for name, values in parts.items()}


def new_parts(width: int, hidden: int, seed: int) -> dict[str, Any]:
    """Return the weights of both parts before their training, numpy arrays in float32 by name.

    They change no box, whatever the inputs.
    """
    import numpy as np

    chance = np.random.default_rng(seed)
    weights = {}
    for name, shape in weight_shapes(width, hidden).items():
        if "." not in name:
            continue
        values = np.zeros(shape, "float32")
        if name.endswith(".hidden"):
            values = chance.normal(0.0, shape[0] ** -0.5, shape).astype("float32")
        weights[name] = values
    return weights


def apply_box_head(
    weights: Weights, states: Any, written: Any, units: Mapping[str, Any] | None = None
) -> tuple[Any, Any]:
    """Return the corrected boxes (boxes, 4), and logits (boxes,) of the probability that each matches.

    `states` are (boxes, places, width) and `written` (boxes, 4), both in float32. The boxes may leave the
    image; `kept_inside` ends that. Changes count in sides of the written box: what large boxes need would
    throw small ones off. `units` (boxes, hidden) are factors of the hidden units of each part, for dropout
    in training.
    """
    inputs = ((head_inputs(states, written) - weights["mean"]) / weights["scale"]).clip(-FARTHEST, FARTHEST)
    changes, logits = (_part(weights, part, inputs, (units or {}).get(part)) for part in PARTS)
    return written + changes * REACH * sides_of(written).tile([1, 2]), logits[:, 0]


def kept_inside(corrected: Any, written: Any) -> Any:
    """Return corrected boxes (boxes, 4) clipped to the image; one without an area stays as it was written."""
    import paddle

    inside = corrected.clip(0.0, 1.0)
    has_area = ((inside[:, 2:] > inside[:, :2]).all(-1, keepdim=True)).astype(inside.dtype)
    return paddle.where(has_area.expand_as(inside) > 0, inside, written)


def sides_of(boxes: Any) -> Any:
    """Return width and height of boxes (boxes, 4), (boxes, 2)."""
    return boxes[:, 2:] - boxes[:, :2]


def head_inputs(states: Any, written: Any) -> Any:
    """Return the inputs of the head, (boxes, places * width + NUMBERS_OF_A_BOX)."""
    import paddle

    return paddle.concat([states.reshape([states.shape[0], -1]), written, sides_of(written)], axis=-1)


def _part(weights: Weights, name: str, inputs: Any, units: Any) -> Any:
    from paddle.nn.functional import gelu

    hidden = gelu(inputs @ weights[f"{name}.hidden"] + weights[f"{name}.hidden_bias"])
    if units is not None:
        hidden = hidden * units
    bent = hidden @ weights[f"{name}.out"] + weights[f"{name}.out_bias"]
    return inputs @ weights[f"{name}.linear"] + bent
