"""How much of what a run teaches are digits of boxes, which grounding_coordinate_loss spreads by distance."""

from collections.abc import Iterator, Sequence
from typing import Any

from train.objectives.coordinates.coordinate_digits import coordinate_codes, digit_token_ids
from train.objectives.coordinates.coordinate_settings import WEIGHT_KEY, usable_coordinates
from train.objectives.coordinates.distance_targets import NO_DIGIT
from train.recipe import TrainRecipe


def count_coordinate_digits(
    recipe: TrainRecipe, tokenizer: Any, labels: Sequence[Sequence[int]]
) -> int | None:
    """Return how many of the labels of some records are digits of boxes; None without the key.

    Raises:
        UserError: the tokenizer has no token for each digit.
    """
    if usable_coordinates(recipe.values) is None:
        return None
    ids = digit_token_ids(tokenizer)
    return sum(code != NO_DIGIT for each in labels for code in coordinate_codes(each, tokenizer, ids))


def coordinate_line(recipe: TrainRecipe, digits: int | None, learned: int) -> Iterator[str]:
    """Yield the line about the digits, if the run spreads them."""
    settings = usable_coordinates(recipe.values)
    if settings is not None and digits is not None:
        yield (
            f"coordinates: {digits / max(1, learned):.1%} of the learned tokens are digits of boxes, whose "
            f"loss by distance has weight {settings.weight:g} (tau {settings.tau:g})"
        )


def coordinate_problem(digits: int | None, records: int) -> Iterator[str]:
    """Yield the problem that there is nothing to spread."""
    if digits == 0 and records:
        yield (
            f"{WEIGHT_KEY}: no answer of the first {records} records has a box in grounding tokens or JSON: "
            "leave it out"
        )
