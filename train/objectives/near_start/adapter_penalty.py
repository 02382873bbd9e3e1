"""The penalties on the weights that an adapter changes, in LoRA fine-tuning.

The trained parameters are the factors A and B, but what should stay near the start is the effective weight
W_0 + s A B, whose change is D = s A B (A is (inputs, rank), B is (rank, outputs), as in PaddleFormers):

    L2-SP:  l2 / 2 x |D|^2  =  l2 / 2 x s^2 x trace(A^T A  B B^T)
    EWC:    weight / 2 x sum over the elements of F D^2, F being that of W

For L2-SP, neither D nor its gradient is ever formed: with the two products of rank x rank, the gradients are
l2 s^2 A (B B^T) and l2 s^2 (A^T A) B. F is no product of small matrices: for EWC, D and G = weight F D of one
weight at a time are formed, and the gradients are s G B^T and s A^T G.

Tensor parallelism splits A by inputs or B by outputs: products over the split axis are summed over the
processes. An adapter starts with B = 0, so that D is 0. Sources of the penalties: `weight_penalty.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train.objectives.near_start.learned_parts import LearnedPart
from train.objectives.near_start.near_start_settings import NearStartSettings
from train.objectives.near_start.penalty_sums import SPLIT, WHOLE, Values
from train.objectives.near_start.weight_penalty import EWC_CURVE, L2_CURVE, kept_beside


@dataclass(frozen=True, eq=False)
class Factors:
    """The two factors of one adapted weight, (inputs, rank) and (rank, outputs), and their scale s.

    `fisher` is that of the weight, (inputs, outputs), or None without EWC.
    """

    a: Any
    b: Any
    scale: float
    fisher: Any = None


class AdapterPenalty:
    """Adds the gradients of the penalties on the effective weights to those of the factors."""

    def __init__(
        self,
        model: Any,
        settings: NearStartSettings,
        fisher: Mapping[str, Any] | None = None,
        split_over: Any = None,
    ) -> None:
        """Find the factors of a model.

        `fisher` is by the name of the adapted weight; `split_over` is the group of processes that share the
        parts of a weight.

        Raises:
            RuntimeError: something learns that is no factor.
        """
        self.settings = settings
        self.split_over = split_over
        self.factors = [
            Factors(
                layer.lora_A,
                layer.lora_B,
                float(layer.scaling),
                kept_beside(layer.weight, fisher[layer.weight.name]) if fisher else None,
            )
            for layer in model.sublayers()
            if hasattr(layer, "lora_A") and hasattr(layer, "lora_B")
        ]
        known = {each.name for factors in self.factors for each in (factors.a, factors.b)}
        trained = {each.name for each in model.parameters() if not each.stop_gradient}
        if known != trained:
            raise RuntimeError(f"no pair of factors is trained: {sorted(known ^ trained)[:3]}")

    def keep_own(self, parts: Mapping[str, LearnedPart]) -> None:
        """Do nothing: the start of an adapter needs no memory, and each factor the whole F."""

    def add_gradients(self, parts: Mapping[str, LearnedPart]) -> Values:
        """Add the gradients of the penalties, and return their values.

        Processes that share the optimizer count each weight once: where its first factor begins.
        """
        import paddle

        terms = [(L2_CURVE, self._l2)] if self.settings.l2 else []
        terms += [(EWC_CURVE, self._ewc)] if self.settings.ewc else []
        values = {curve: paddle.zeros([2]) for curve, _ in terms}
        for factors in self.factors:
            a, b = (each.detach().astype("float32") for each in (factors.a, factors.b))
            first = parts.get(factors.a.name)
            counts = first is not None and not (first.span and first.span[0])
            for curve, term in terms:
                value, place, to_a, to_b = term(factors, a, b)
                if counts:
                    values[curve][place] += value
                for factor, gradient in ((factors.a, to_a), (factors.b, to_b)):
                    if (part := parts.get(factor.name)) is not None:
                        part.add_to_gradient(part.cut(gradient))
        return values

    def _l2(self, factors: Factors, a: Any, b: Any) -> tuple[Any, int, Any, Any]:
        """Return the value, whether it is that of a part, and the gradients of both factors."""
        import paddle

        inner = self._summed(paddle.matmul(a, a, transpose_x=True), factors.a)
        outer = self._summed(paddle.matmul(b, b, transpose_y=True), factors.b)
        weight = self.settings.l2 * factors.scale**2
        value = weight / 2 * (inner * outer).sum()
        return value, WHOLE, weight * a.matmul(outer), weight * inner.matmul(b)

    def _ewc(self, factors: Factors, a: Any, b: Any) -> tuple[Any, int, Any, Any]:
        import paddle

        assert self.settings.ewc is not None
        change = factors.scale * a.matmul(b)
        pull = self.settings.ewc.weight * factors.fisher.astype("float32") * change
        to_a = self._summed(factors.scale * paddle.matmul(pull, b, transpose_y=True), factors.b)
        to_b = self._summed(factors.scale * paddle.matmul(a, pull, transpose_x=True), factors.a)
        place = SPLIT if _is_split(factors.a) or _is_split(factors.b) else WHOLE
        return (pull * change).sum() / 2, place, to_a, to_b

    def _summed(self, product: Any, over: Any) -> Any:
        """Return the sum of a product over the processes that share the factor whose parts it multiplies."""
        import paddle

        if self.split_over is not None and _is_split(over):
            paddle.distributed.all_reduce(product, group=self.split_over)
        return product


def _is_split(factor: Any) -> bool:
    return bool(getattr(factor, "is_distributed", False))
