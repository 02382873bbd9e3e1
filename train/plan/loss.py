"""The memory of the language model's head and of its loss (train/inside/blockwise_cross_entropy.py)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from models.lookup import find_family
from models.shapes import Tensor
from train.inside.blockwise_cross_entropy import block_rows
from train.plan.activations import FLOAT32, number_bytes
from train.plan.gpu_layout import GpuLayout
from train.plan.micro_batch import micro_batch
from train.recipe import TrainRecipe, uses_fleet

HEAD, TIED_HEAD = "lm_head.weight", "model.language_model.embed_tokens.weight"


@dataclass(frozen=True)
class LossMemory:
    """Bytes on one GPU: at the peak of the loss, and of a gradient that stays until the backward pass ends.

    A head that is also the embedding gets its gradient when the embedding has its own, at the end of the
    backward pass; until then the loss's part of it waits. Any other head's is a part of the peak.
    `head_gradient` is the size of either, 0 for a head that is not trained.
    """

    peak: int
    waiting: int
    head_gradient: int = 0


def count_loss(
    recipe: TrainRecipe,
    config: Mapping[str, Any],
    spread: GpuLayout,
    model: Iterable[Tensor],
    trained: Iterable[Tensor],
    weight_bytes: int,
) -> LossMemory:
    """Count the memory of the loss of one micro-batch, if every token of it is learned.

    That is an upper bound: of a record with a picture, the answer alone is learned, some fifth of the tokens.
    Hidden states, their gradient and a block of the vocabulary are counted for the learned tokens. A block
    has at most BLOCK_LOGITS logits; those of few tokens have less, as BLOCK_ROWS is their limit.
    """
    shape = find_family(config).text_shape(config)
    number, tokens = number_bytes(recipe), micro_batch(recipe).tokens
    is_tied = all(tensor.name != HEAD for tensor in model)
    is_trained = any(tensor.name == (TIED_HEAD if is_tied else HEAD) for tensor in trained)
    rows = -(-shape.vocab_size // spread.tensor)
    gradient = rows * shape.hidden_size * weight_bytes if is_trained else 0
    waiting, passing = (gradient, 0) if is_tied else (0, gradient)
    if uses_fleet(recipe.values):
        # PaddleFormers' own loss: the logits as computed, their float32 copy, softmax and its gradient.
        logits = tokens * (rows if recipe.get("tensor_parallel_output") else shape.vocab_size)
        return LossMemory(logits * (_if_short(number) + 3 * FLOAT32) + passing, waiting, gradient)
    in_block = min(rows, block_rows(tokens))
    block, hidden = tokens * in_block, tokens * shape.hidden_size
    # Each block: logits as computed and in float32, then their gradient with one of its two products, which
    # are copied to float32 and into the head's gradient.
    logits = block * (_if_short(number) + FLOAT32)
    to_hidden = hidden * (number + _if_short(number) * 2)
    to_head = in_block * shape.hidden_size * 2 * number if is_trained else 0
    kept = hidden * (number + FLOAT32)  # the learned hidden states, and their gradient in float32
    peak = kept + passing + max(logits, block * number + max(to_hidden, to_head))
    return LossMemory(peak, waiting, gradient)


def _if_short(number: int) -> int:
    """Return the bytes of a number that needs a float32 copy besides."""
    return number if number < FLOAT32 else 0
