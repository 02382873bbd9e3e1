"""The penalties on trained weights, in full fine-tuning.

    L2-SP:  l2 / 2 x sum over the trained parameters of (theta - theta_0)^2
    EWC:    weight / 2 x sum over the trained parameters of F (theta - theta_0)^2

theta_0 are the weights at the start of the run, and F is the diagonal of the Fisher information there, on
data whose skills are to stay (`python -m train.fisher`). Sources: Li, Grandvalet, Davoine 2018, "Explicit
Inductive Bias for Transfer Learning with Convolutional Networks", equation 2 (arXiv 1802.01483), where l2 is
alpha; Kirkpatrick et al. 2017, "Overcoming catastrophic forgetting in neural networks", equation 3 (arXiv
1612.00796), where weight is lambda.

The gradients, l2 (theta - theta_0) and weight F (theta - theta_0), are added to that of the loss once an
optimizer step: after the accumulation, before the norm is clipped. So they are those of terms of the loss.

Weights in 16 bits hide changes that are smaller than their last digit: theta is the optimizer's float32 value
where it has one. theta_0 is exact in the format in which the model was loaded. F is kept in bfloat16 beside
weights in bfloat16, in float32 otherwise.
"""

from collections.abc import Mapping
from typing import Any

from train.objectives.near_start.learned_parts import LearnedPart
from train.objectives.near_start.near_start_settings import NearStartSettings
from train.objectives.near_start.penalty_sums import SPLIT, Values

L2_CURVE, EWC_CURVE = "l2_to_start", "ewc"


class WeightPenalty:
    """Holds the start of the weights that learn, and adds the gradients of the penalties to theirs."""

    def __init__(
        self, model: Any, settings: NearStartSettings, fisher: Mapping[str, Any] | None = None
    ) -> None:
        """Copy the trained weights of a model that is at its start; `fisher` is by parameter's name."""
        trained = [each for each in model.parameters() if not each.stop_gradient]
        self.settings = settings
        self.start = {each.name: each.detach().clone() for each in trained}
        self.fisher = {each.name: kept_beside(each, fisher[each.name]) for each in trained} if fisher else {}
        self.split = {each.name for each in trained if getattr(each, "is_distributed", False)}

    def keep_own(self, parts: Mapping[str, LearnedPart]) -> None:
        """Forget the start of what other processes step."""
        if unknown := parts.keys() - self.start.keys():
            raise RuntimeError(f"the optimizer steps parameters without a start: {sorted(unknown)[:3]}")
        self.start = {name: part.cut(self.start[name]) for name, part in parts.items()}
        if self.fisher:
            self.fisher = {name: part.cut(self.fisher[name]) for name, part in parts.items()}

    def add_gradients(self, parts: Mapping[str, LearnedPart]) -> Values:
        """Add the gradients of the penalties, and return their values."""
        import paddle

        l2, ewc = self.settings.l2, self.settings.ewc
        values = {curve: paddle.zeros([2]) for curve, is_on in ((L2_CURVE, l2), (EWC_CURVE, ewc)) if is_on}
        for name, part in parts.items():
            change, place = part.value() - self.start[name].astype("float32"), SPLIT * (name in self.split)
            if l2:
                values[L2_CURVE][place] += l2 / 2 * change.square().sum()
            gradient = l2 * change
            if ewc is not None:
                pull = ewc.weight * self.fisher[name].astype("float32") * change
                values[EWC_CURVE][place] += (pull * change).sum() / 2
                gradient += pull
            part.add_to_gradient(gradient)
        return values


def kept_beside(parameter: Any, fisher: Any) -> Any:
    """Return the Fisher information of a parameter in the format in which it is kept."""
    import paddle

    return fisher.astype("bfloat16" if parameter.dtype == paddle.bfloat16 else "float32")
