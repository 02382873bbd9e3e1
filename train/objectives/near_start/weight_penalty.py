"""The penalty on trained weights, in full fine-tuning.

    L2-SP:  l2 / 2 x sum over the trained parameters of (theta - theta_0)^2

theta_0 are the weights at the start of the run. Source: Li, Grandvalet, Davoine 2018, "Explicit Inductive
Bias for Transfer Learning with Convolutional Networks", equation 2 (arXiv 1802.01483); l2 is alpha there.
The gradient, l2 x (theta - theta_0), is added to that of the loss once an optimizer step: after the
accumulation, before the norm is clipped. So it is that of a term of the loss.

Weights in 16 bits hide changes that are smaller than their last digit: theta is the optimizer's float32 value
where it has one. theta_0 is exact in the format in which the model was loaded.
"""

from collections.abc import Mapping
from typing import Any

from train.objectives.near_start.learned_parts import LearnedPart
from train.objectives.near_start.near_start_settings import NearStartSettings
from train.objectives.near_start.penalty_sums import SPLIT, Values

L2_CURVE = "l2_to_start"


class WeightPenalty:
    """Holds the start of the weights that learn, and adds the gradient of the penalty to theirs."""

    def __init__(self, model: Any, settings: NearStartSettings) -> None:
        """Copy the trained weights of a model that is at its start."""
        trained = [each for each in model.parameters() if not each.stop_gradient]
        self.settings = settings
        self.start = {each.name: each.detach().clone() for each in trained}
        self.split = {each.name for each in trained if getattr(each, "is_distributed", False)}

    def keep_own(self, parts: Mapping[str, LearnedPart]) -> None:
        """Forget the start of what other processes step."""
        if unknown := parts.keys() - self.start.keys():
            raise RuntimeError(f"the optimizer steps parameters without a start: {sorted(unknown)[:3]}")
        self.start = {name: part.cut(self.start[name]) for name, part in parts.items()}

    def add_gradients(self, parts: Mapping[str, LearnedPart]) -> Values:
        """Add the gradients of the penalty, and return its value."""
        import paddle

        value = paddle.zeros([2])
        for name, part in parts.items():
            change = part.value() - self.start[name].astype("float32")
            value[int(name in self.split) * SPLIT] += self.settings.l2 / 2 * change.square().sum()
            part.add_to_gradient(self.settings.l2 * change)
        return {L2_CURVE: value}
