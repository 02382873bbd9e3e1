"""How many boxes of what a run teaches a head can learn from (grounding_box_head)."""

from collections.abc import Iterator, Sequence
from typing import Any

from train.objectives.coordinates.coordinate_digits import digit_token_ids
from train.objectives.joint_head.answer_boxes import taught_boxes
from train.objectives.joint_head.joint_settings import JOINT_KEY, usable_joint
from train.recipe import TrainRecipe


def count_taught_boxes(recipe: TrainRecipe, tokenizer: Any, labels: Sequence[Sequence[int]]) -> int | None:
    """Return how many boxes the labels of some records write; None without the key.

    Raises:
        UserError: the tokenizer has no token for each digit.
    """
    if usable_joint(recipe.values) is None:
        return None
    ids = digit_token_ids(tokenizer)
    return sum(len(answer) for each in labels for answer in taught_boxes(each, tokenizer, ids))


def joint_head_line(recipe: TrainRecipe, boxes: int | None, records: int) -> Iterator[str]:
    """Yield the line about the boxes, if a head learns from them."""
    settings = usable_joint(recipe.values)
    if settings is not None and boxes is not None:
        wrong = settings.answers * (settings.jittered + settings.wrong + settings.relabelled)
        yield (
            f"box head: {boxes / max(1, records):.1f} boxes a record; {wrong:.0%} of them are made wrong, "
            f"and {settings.answers:.0%} of the answers teach the model up to their first wrong box alone"
        )


def joint_head_problem(boxes: int | None, records: int) -> Iterator[str]:
    """Yield the problem that there is nothing to learn from."""
    if boxes == 0 and records:
        yield f"{JOINT_KEY}: no answer of the first {records} records has a box: leave it out"
