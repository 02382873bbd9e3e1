"""The activations that the backward pass needs, tensor by tensor (sources: train/plan/memory.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.lookup import find_family
from train.plan.gpu_layout import GpuLayout
from train.plan.micro_batch import MicroBatch, micro_batch
from train.recipe import TrainRecipe

FLOAT32 = 4


@dataclass(frozen=True)
class Activations:
    """Bytes on one GPU: kept for the backward pass, and of one recomputed layer."""

    tokens: int
    stored: int
    one_layer: int


def count_activations(
    recipe: TrainRecipe,
    config: Mapping[str, Any],
    spread: GpuLayout,
    *,
    frozen_vision: bool,
    pictures: int = 1,
) -> Activations:
    """Count the activations of the longest micro-batch (train/plan/micro_batch.py).

    All tokens of a record are image tokens, up to the limit that max_pixels sets for each of its `pictures`.
    """
    number, batch = number_bytes(recipe), micro_batch(recipe)
    tokens, images = batch.tokens, batch.rows * batch.image_tokens
    text = _text_layers(recipe, config, spread, batch)
    vision = _vision_layers(recipe, config, spread, batch, pictures)
    vision_kept, vision_one = (0, vision.layer) if frozen_vision else _kept(recipe, vision)
    text_kept, text_one = _kept(recipe, text)
    shape, tower = find_family(config).text_shape(config), find_family(config).vision_shape(config)
    mergers = (1 + tower.deepstack) * images * (3 * tower.merged_size + shape.hidden_size)
    embeddings = 2 * tokens * shape.hidden_size
    return Activations(
        tokens=tokens,
        stored=int(number * (text_kept + vision_kept + mergers + embeddings)),
        one_layer=int(number * max(text_one, vision_one)),
    )


def number_bytes(recipe: TrainRecipe) -> int:
    """Return the bytes of a number that the model computes."""
    return 2 if recipe.get("compute_type") in ("bf16", "fp16") else FLOAT32


@dataclass(frozen=True)
class _Layers:
    """The number of layers, and how many numbers one of them keeps: all activations, or its input."""

    count: int
    layer: float
    inputs: float


def _kept(recipe: TrainRecipe, layers: _Layers) -> tuple[float, float]:
    """Return the numbers that stay until the backward pass, and those that are recomputed at one time."""
    if recipe.get("recompute_granularity") != "full":
        return layers.count * layers.layer, 0.0
    group = recipe.degree("recompute_num_layers")
    if recipe.get("recompute_method") == "block":  # only the first layers are recomputed
        group = min(group, layers.count)
        return group * layers.inputs + (layers.count - group) * layers.layer, layers.layer
    return -(-layers.count // group) * layers.inputs, group * layers.layer


def _text_layers(
    recipe: TrainRecipe, config: Mapping[str, Any], spread: GpuLayout, batch: MicroBatch
) -> _Layers:
    shape = find_family(config).text_shape(config)
    hidden, split = shape.hidden_size, spread.tensor
    along = split if recipe.get("sequence_parallel") else 1
    queries, keys = shape.query_width, shape.key_width
    whole = 4 * hidden  # in and out of both norms
    attention = (queries + 2 * keys) + 2 * (queries + keys) + queries  # projected, normed, rotated; answer
    scores = _scores(recipe, shape.heads, batch.row_tokens)
    if shape.experts:
        chosen = shape.experts_per_token
        mlp = chosen * (2 * hidden + 3 * shape.expert_size) / along + 2 * shape.experts
    else:
        mlp = 3 * shape.intermediate_size / split
    each = whole / along + (attention + scores) / split + mlp
    return _Layers(shape.layers, batch.tokens * each, batch.tokens * hidden / along)


def _vision_layers(
    recipe: TrainRecipe, config: Mapping[str, Any], spread: GpuLayout, batch: MicroBatch, pictures: int
) -> _Layers:
    shape = find_family(config).vision_shape(config)
    hidden, size = shape.hidden_size, shape.intermediate_size
    patches = batch.rows * batch.image_tokens * shape.patches_per_token
    limit = recipe.number("max_pixels")
    if limit and not recipe.get("packing"):  # a row is one record
        patches = min(patches, batch.rows * pictures * limit // shape.patch_size**2)
    scores = _scores(recipe, shape.heads, patches)
    split = spread.tensor if recipe.is_fleet else 1  # the plain tower is whole on each GPU
    each = 4 * hidden + (6 * hidden + 2 * size + scores) / split
    return _Layers(shape.layers, patches * each, patches * hidden)


def _scores(recipe: TrainRecipe, heads: int, others: int) -> int:
    """Return how many attention scores a token has; eager attention keeps them three times."""
    return 3 * heads * others if recipe.get("_attn_implementation") == "eager" else 0
