"""The penalty on the weights that an adapter changes, in LoRA fine-tuning.

The trained parameters are the factors A and B, but what should stay near the start is the effective weight
W_0 + s A B, whose change is s A B (A is (inputs, rank), B is (rank, outputs), as in PaddleFormers):

    L2-SP:  l2 / 2 x s^2 x |A B|^2  =  l2 / 2 x s^2 x trace(A^T A  B B^T)

Neither A B nor its gradient is ever formed: with the two products of rank x rank, the gradients are
l2 s^2 A (B B^T) and l2 s^2 (A^T A) B. Tensor parallelism splits A by inputs or B by outputs, and the product
of a split factor is summed over the processes. An adapter starts with B = 0, so that the change is 0.
Source of the penalty: `weight_penalty.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train.objectives.near_start.learned_parts import LearnedPart
from train.objectives.near_start.near_start_settings import NearStartSettings
from train.objectives.near_start.penalty_sums import WHOLE, Values
from train.objectives.near_start.weight_penalty import L2_CURVE


@dataclass(frozen=True, eq=False)
class Factors:
    """The two factors of one adapted weight, (inputs, rank) and (rank, outputs), and their scale s."""

    a: Any
    b: Any
    scale: float


class AdapterPenalty:
    """Adds the gradient of the penalty on the effective weights to those of the factors."""

    def __init__(self, model: Any, settings: NearStartSettings, split_over: Any = None) -> None:
        """Find the factors of a model; `split_over` is the group of processes that share their parts.

        Raises:
            RuntimeError: something learns that is no factor.
        """
        self.settings = settings
        self.split_over = split_over
        self.factors = [
            Factors(layer.lora_A, layer.lora_B, float(layer.scaling))
            for layer in model.sublayers()
            if hasattr(layer, "lora_A") and hasattr(layer, "lora_B")
        ]
        known = {each.name for factors in self.factors for each in (factors.a, factors.b)}
        trained = {each.name for each in model.parameters() if not each.stop_gradient}
        if known != trained:
            raise RuntimeError(f"no pair of factors is trained: {sorted(known ^ trained)[:3]}")

    def keep_own(self, parts: Mapping[str, LearnedPart]) -> None:
        """Do nothing: the start of an adapter needs no memory."""

    def add_gradients(self, parts: Mapping[str, LearnedPart]) -> Values:
        """Add the gradients of the penalty, and return its value.

        Processes that share the optimizer count each weight once: where its first factor begins.
        """
        import paddle

        value = paddle.zeros([2])
        for factors in self.factors:
            a, b = (each.detach().astype("float32") for each in (factors.a, factors.b))
            inner = self._summed(paddle.matmul(a, a, transpose_x=True), factors.a)
            outer = self._summed(paddle.matmul(b, b, transpose_y=True), factors.b)
            weight = self.settings.l2 * factors.scale**2
            if (first := parts.get(factors.a.name)) is not None and not (first.span and first.span[0]):
                value[WHOLE] += weight / 2 * (inner * outer).sum()
            for factor, gradient in ((factors.a, a.matmul(outer)), (factors.b, inner.matmul(b))):
                if (part := parts.get(factor.name)) is not None:
                    part.add_to_gradient(part.cut(weight * gradient))
        return {L2_CURVE: value}

    def _summed(self, product: Any, factor: Any) -> Any:
        """Return the sum of a product over the processes that share its factor."""
        import paddle

        if self.split_over is not None and getattr(factor, "is_distributed", False):
            paddle.distributed.all_reduce(product, group=self.split_over)
        return product
