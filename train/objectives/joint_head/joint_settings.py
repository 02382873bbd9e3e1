"""The settings of a box head that is trained with the model: the key `grounding_box_head` of a recipe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from grounding.recipe.schema import setting
from models.heads.box_losses import LossWeights
from train.objectives.settings_mapping import settings_of_mapping

JOINT_KEY = "grounding_box_head"
_SHARES = ("answers", "jittered", "wrong", "relabelled", "jitter")
_POSITIVE = ("weight", "learning_rate")
_WEIGHTS = ("weight_decay", "l1_weight", "giou_weight", "match_weight")
WIDEST = 1 << 12
MOST_ANSWERS = 0.5


@dataclass(frozen=True, kw_only=True)
class JointSettings:
    """Which boxes of the trained answers are made wrong, and how the head learns from them."""

    weight: float = setting("weight of the head's loss beside the cross entropy", 1.0)
    apart: bool = setting(
        "read wrong boxes in a pass of their own, which the model does not learn from", True
    )
    answers: float = setting("share of the answers in which boxes are made wrong", 1.0)
    jittered: float = setting("share of the boxes of these answers whose sides are shifted", 0.6)
    wrong: float = setting("share that is moved elsewhere", 0.15)
    relabelled: float = setting("share that gets the label of another object", 0.1)
    jitter: float = setting("farthest shift of a side, in sides of the box", 0.3)
    into_model: bool = setting("let the gradient of the head's loss reach the model", False)
    hidden: int = setting("width of the head's hidden layers", 128)
    l1_weight: float = setting(
        "weight of the distance of matched boxes, in shares of the image", LossWeights.l1
    )
    giou_weight: float = setting("weight of 1 - GIoU of matched boxes", LossWeights.giou)
    match_weight: float = setting("weight of the binary cross entropy of the match", LossWeights.match)
    learning_rate: float = setting(
        "of the head's AdamW, divided by the number of its inputs; it follows the schedule of the run's", 0.1
    )
    weight_decay: float = setting("of the head's AdamW, multiplied by its learning rate", 0.1)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a number out of its range.
        """
        for name in (*_SHARES, *_POSITIVE, *_WEIGHTS):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{JOINT_KEY}.{name}: {getattr(self, name)} is no number")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{JOINT_KEY}.{name}: {getattr(self, name):g} is not between 0 and 1")
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise ValueError(f"{JOINT_KEY}.{name}: {getattr(self, name):g} must be more than 0")
        for name in _WEIGHTS:
            if getattr(self, name) < 0:
                raise ValueError(f"{JOINT_KEY}.{name}: {getattr(self, name):g} must be 0 or more")
        if not 1 <= self.hidden <= WIDEST:
            raise ValueError(f"{JOINT_KEY}.hidden: {self.hidden} is not between 1 and {WIDEST}")
        if self.apart and self.into_model:
            raise ValueError(
                f"{JOINT_KEY}.into_model: the pass with wrong boxes has no gradient: write apart: false, too"
            )
        if not self.apart and self.answers > MOST_ANSWERS:
            raise ValueError(
                f"{JOINT_KEY}.answers: {self.answers:g} with apart: false would leave the model little to "
                f"learn, as nothing behind a wrong box is taught: write {MOST_ANSWERS} or less"
            )
        if self.jittered + self.wrong + self.relabelled > 1 + 1e-9:
            raise ValueError(
                f"{JOINT_KEY}: jittered, wrong and relabelled are shares of the same boxes: "
                f"{self.jittered + self.wrong + self.relabelled:g} together is more than 1"
            )
        if not self.answers or not self.jittered + self.wrong + self.relabelled:
            raise ValueError(
                f"{JOINT_KEY}: without wrong boxes a head learns that all are right: answers, and one of "
                "jittered, wrong and relabelled, must be more than 0"
            )

    @property
    def loss_weights(self) -> LossWeights:
        """The weights of the terms of the head's loss."""
        return LossWeights(self.l1_weight, self.giou_weight, self.match_weight)


def read_joint(recipe: Mapping[str, Any]) -> JointSettings | None:
    """Read the key of a recipe; None without it, and where it is false.

    Raises:
        ValueError: neither true, false nor a mapping, an unknown key, or a value that cannot be.
    """
    given = recipe.get(JOINT_KEY)
    if given is None or given is False:
        return None
    values = {} if given is True else given
    return settings_of_mapping(JOINT_KEY, JointSettings, values, "true, or {weight: 1.0}")


def usable_joint(recipe: Mapping[str, Any]) -> JointSettings | None:
    """Read the key of a recipe that may be wrong; None where it is, which another check reports."""
    try:
        return read_joint(recipe)
    except ValueError:
        return None
