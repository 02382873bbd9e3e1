"""The losses of a box head, for Paddle tensors of xyxy boxes in any one unit.

Source of L1 + GIoU for boxes: Carion et al., End-to-End Object Detection with Transformers, ECCV 2020,
section A.2; weights 5 and 2 are those of its released code.
"""

from dataclasses import dataclass
from typing import Any

TINY = 1e-9


@dataclass(frozen=True)
class LossWeights:
    """How much each term counts."""

    l1: float = 5.0
    giou: float = 2.0
    match: float = 1.0


def l1_distance(boxes: Any, wanted: Any) -> Any:
    """Return for each pair of (boxes, 4) the sum of the distances of their four sides, (boxes,)."""
    return (boxes - wanted).abs().sum(-1)


def generalised_iou(boxes: Any, wanted: Any) -> Any:
    """Return GIoU of each pair of (boxes, 4): IoU less the empty share of the box around both, (boxes,).

    It is 1 for equal boxes, and near -1 for small ones far apart. Source: Rezatofighi et al., Generalized
    Intersection over Union, CVPR 2019, algorithm 1. A box that is upside down has no area.
    """
    import paddle

    inner, union = _inner_and_union(boxes, wanted)
    outer_end = paddle.maximum(boxes[:, 2:], wanted[:, 2:])
    outer = _area(outer_end - paddle.minimum(boxes[:, :2], wanted[:, :2]))
    return inner / union.clip(TINY) - (outer - union) / outer.clip(TINY)


def plain_iou(boxes: Any, wanted: Any) -> Any:
    """Return IoU of each pair of (boxes, 4), (boxes,); 0 where neither box has an area."""
    inner, union = _inner_and_union(boxes, wanted)
    return inner / union.clip(TINY)


def _inner_and_union(boxes: Any, wanted: Any) -> tuple[Any, Any]:
    """Return the areas of intersection and union of each pair, (boxes,)."""
    import paddle

    first, second = boxes[:, :2], boxes[:, 2:]
    start, end = wanted[:, :2], wanted[:, 2:]
    inner = _area(paddle.minimum(second, end) - paddle.maximum(first, start))
    return inner, _area(second - first) + _area(end - start) - inner


def _area(sides: Any) -> Any:
    """Return the product of two sides, (boxes,); a negative side counts as 0.

    The gradient of Paddle's own prod is not a number where a factor is 0, as it divides by it.
    """
    return sides[:, 0].clip(0.0) * sides[:, 1].clip(0.0)


def box_head_loss(
    corrected: Any, logits: Any, wanted: Any, matched: Any, shares: Any, weights: LossWeights
) -> Any:
    """Return the loss of a batch of boxes, a scalar.

    `corrected` and `wanted` are (boxes, 4), in shares of the image; `wanted` has a meaning where `matched`
    (boxes,) is 1, and not where it is 0. `shares` (boxes,) tell how much each box counts. L1 and GIoU are
    weighted means over the matched boxes, the binary cross entropy of `logits` with `matched` is one over
    all.
    """
    from paddle.nn.functional import binary_cross_entropy_with_logits

    counted = shares * matched
    apart = weights.l1 * l1_distance(corrected, wanted)
    apart = apart + weights.giou * (1 - generalised_iou(corrected, wanted))
    fit = (apart * counted).sum() / counted.sum().clip(TINY)
    surprise = binary_cross_entropy_with_logits(logits, matched, reduction="none")
    return fit + weights.match * (surprise * shares).sum() / shares.sum().clip(TINY)
