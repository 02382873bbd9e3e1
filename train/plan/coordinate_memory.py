"""The memory of the loss of coordinates (train/objectives/coordinates/coordinate_loss.py)."""

from collections.abc import Mapping
from typing import Any

from models.lookup import find_family
from train.objectives.coordinates.coordinate_settings import usable_coordinates
from train.plan.activations import FLOAT32, number_bytes
from train.plan.micro_batch import micro_batch
from train.recipe import TrainRecipe


def count_coordinates(recipe: TrainRecipe, config: Mapping[str, Any], head_gradient: int) -> int:
    """Return the bytes on one GPU that the loss of coordinates needs beside the cross entropy.

    These are the hidden states of the digits, their float32 copy and its gradient, if every token is a digit:
    an upper bound, as for the cross entropy. `head_gradient` is the size of the gradient of a head that is
    trained, which this loss has a second time until both are added up.
    """
    if usable_coordinates(recipe.values) is None:
        return 0
    width = find_family(config).text_shape(config).hidden_size
    return micro_batch(recipe).tokens * width * (number_bytes(recipe) + 2 * FLOAT32) + head_gradient
