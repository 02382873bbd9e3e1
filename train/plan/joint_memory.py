"""The memory of a box head that learns with the model (train/objectives/joint_head/)."""

from collections.abc import Mapping
from math import prod
from typing import Any

from models.heads.box import PLACES, weight_shapes
from models.lookup import find_family
from train.objectives.joint_head.joint_settings import usable_joint
from train.plan.activations import FLOAT32
from train.plan.micro_batch import micro_batch
from train.recipe import TrainRecipe

TOKENS_OF_A_BOX = 13
"""The fewest: four numbers of one digit in a list, and a label."""

COPIES = 4
"""Of each weight: itself, its gradient, and AdamW's two moments."""

TABLES = 5
"""Of the inputs of all boxes: states, inputs, standardised ones, and the gradients of two of them."""


def count_head(recipe: TrainRecipe, config: Mapping[str, Any]) -> tuple[int, int]:
    """Return the bytes on one GPU of the head's weights with their optimizer, and of a batch's boxes.

    Each GPU holds the whole head. If every token belongs to a box, there are so many boxes: an upper bound,
    as for the loss.
    """
    settings = usable_joint(recipe.values)
    if settings is None:
        return 0, 0
    width = find_family(config).text_shape(config).hidden_size
    shapes = weight_shapes(width, settings.hidden)
    numbers = sum(prod(shape) for shape in shapes.values())
    boxes = micro_batch(recipe).tokens // TOKENS_OF_A_BOX
    model = FLOAT32 * micro_batch(recipe).tokens * width if settings.into_model else 0
    return COPIES * FLOAT32 * numbers, TABLES * FLOAT32 * boxes * (len(PLACES) * width) + model
