"""Fit the weights of a box head to a model's boxes, and choose the best epoch by boxes that were held out."""

import math
from dataclasses import dataclass
from typing import Any

from grounding.errors import UserError
from models.heads.box import PARTS, apply_box_head, kept_inside, new_weights
from models.heads.box_losses import LossWeights, box_head_loss, plain_iou
from train.box_head.box_head_recipe import BoxHeadRecipe
from train.box_head.learned_boxes import LearnedBoxes, balanced_shares, held_out_rows

STRICT = 0.9
"""The IoU from which a matched box counts as sharp."""

SCORED_TOGETHER = 4096


@dataclass(frozen=True)
class FittedHead:
    """Weights in numpy by name, and what was measured on held-out boxes."""

    weights: dict[str, Any]
    measured: dict[str, float]


@dataclass(frozen=True)
class _Seen:
    """The held-out boxes as a head sees them: IoUs of the matched ones, and losses of the parts."""

    overlaps: Any
    losses: dict[str, float]


def fit_head(boxes: LearnedBoxes, recipe: BoxHeadRecipe) -> FittedHead:
    """Fit a head; same boxes and recipe, same weights.

    Each part keeps the weights of its best epoch on the held-out boxes: by L1 + GIoU, and by the cross
    entropy of the match. The correction can be that before the first epoch, which changes no box.

    Raises:
        UserError: a loss is not finite.
    """
    import paddle
    from tqdm import tqdm

    apart = held_out_rows(boxes.images, recipe.held_out, recipe.seed)
    learned, held = boxes.chosen(~apart), boxes.chosen(apart)
    weights = new_weights(_tensor(learned.states), _tensor(learned.written), recipe.hidden, recipe.seed)
    for name, values in weights.items():
        values.stop_gradient = "." not in name
    before = _look(weights, held, recipe)
    kept = {name: values.numpy() for name, values in weights.items()}
    steps = -(-learned.count // recipe.box_batch)
    rate = paddle.optimizer.lr.CosineAnnealingDecay(recipe.learning_rate, T_max=steps * recipe.epochs)
    trained = [values for name, values in weights.items() if "." in name]
    optimizer = paddle.optimizer.AdamW(rate, parameters=trained, weight_decay=recipe.weight_decay)
    losses, overlaps = dict(before.losses), before.overlaps
    for epoch in tqdm(range(recipe.epochs), unit="epoch", desc="fit box head"):
        _run_epoch(weights, learned, recipe, optimizer, rate, epoch)
        seen = _look(weights, held, recipe)
        for part in PARTS:
            if seen.losses[part] < losses[part]:
                losses[part] = seen.losses[part]
                kept |= {name: values.numpy() for name, values in weights.items() if name.startswith(part)}
                overlaps = seen.overlaps if part == "correct" else overlaps
    return FittedHead(kept, _measured(before, overlaps, losses, held))


def _run_epoch(
    weights: dict[str, Any], boxes: LearnedBoxes, recipe: BoxHeadRecipe, optimizer: Any, rate: Any, epoch: int
) -> None:
    import numpy as np

    shares = balanced_shares(boxes.areas) if recipe.balance else np.ones(boxes.count, "float32")
    chance = np.random.default_rng((recipe.seed, epoch))
    order = chance.permutation(boxes.count)
    for start in range(0, boxes.count, recipe.box_batch):
        rows = order[start : start + recipe.box_batch]
        batch = boxes.chosen(rows)
        units = {part: _kept_units(chance, (len(rows), recipe.hidden), recipe.dropout) for part in PARTS}
        corrected, logits = apply_box_head(weights, _tensor(batch.states), _tensor(batch.written), units)
        wanted, matched, counted = map(_tensor, (batch.wanted, batch.matched, shares[rows]))
        box_head_loss(corrected, logits, wanted, matched, counted, recipe.loss_weights).backward()
        optimizer.step()
        optimizer.clear_grad()
        rate.step()


def _kept_units(chance: Any, shape: tuple[int, int], dropout: float) -> Any:
    """Return factors of hidden units: 0 for the share that is left out, and more than 1 for the others."""
    return _tensor((chance.random(shape) >= dropout) / (1 - dropout))


def _look(weights: dict[str, Any], boxes: LearnedBoxes, recipe: BoxHeadRecipe) -> _Seen:
    """Return what a head does to held-out boxes.

    Raises:
        UserError: a loss is not finite.
    """
    import numpy as np
    import paddle

    with paddle.no_grad():
        parts = []
        for start in range(0, boxes.count, SCORED_TOGETHER):
            rows = slice(start, start + SCORED_TOGETHER)
            written = _tensor(boxes.written[rows])
            corrected, logits = apply_box_head(weights, _tensor(boxes.states[rows]), written)
            parts.append((corrected, kept_inside(corrected, written), logits))
        corrected, inside, logits = (paddle.concat(each) for each in zip(*parts, strict=True))
        wanted, matched = _tensor(boxes.wanted), _tensor(boxes.matched)
        shares = _tensor(balanced_shares(boxes.areas) if recipe.balance else np.ones(boxes.count, "float32"))
        losses = {
            part: float(box_head_loss(corrected, logits, wanted, matched, shares, terms))
            for part, terms in {
                "correct": LossWeights(recipe.l1_weight, recipe.giou_weight, 0.0),
                "match": LossWeights(0.0, 0.0, 1.0),
            }.items()
        }
        fits = boxes.matched > 0
        overlaps = plain_iou(inside, wanted).numpy()[fits]
    if not all(map(math.isfinite, losses.values())):
        raise UserError(f"learning_rate: with {recipe.learning_rate} the loss is not finite: set a lower one")
    return _Seen(overlaps, losses)


def _measured(before: _Seen, overlaps: Any, losses: dict[str, float], held: LearnedBoxes) -> dict[str, float]:
    """Return the figures of the card; those of matched boxes are left out where there are none."""
    figures = {
        "held_out_boxes": float(held.count),
        "held_out_matched": float(len(overlaps)),
        "match_loss_before": before.losses["match"],
        "match_loss": losses["match"],
    }
    if len(overlaps):
        for name, values in (("text", before.overlaps), ("head", overlaps)):
            figures[f"mean_iou_{name}"] = float(values.mean())
            figures[f"share_at_90_{name}"] = float((values >= STRICT).mean())
    return {name: round(value, 6) for name, value in figures.items()}


def _tensor(values: Any) -> Any:
    import paddle

    return paddle.to_tensor(values.astype("float32"))
