"""Qwen3-VL's vision tower over the layers of a loaded Paddle model, images of one size side by side."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from infer.engines.paddle.encoding import Prompt

PATCHES_AT_ONCE = 1 << 13
"""Images of one size go through the tower together, up to so many patches."""


def read_images(visual: Any, prompts: Sequence[Prompt]) -> list[list[Any]]:
    """Return each image's features as [last, *deepstack], every one (image tokens, width).

    Deepstack are features of the tower's inner layers, which the first text layers add. An image attends to
    itself alone; those of one size are stacked, which needs no mask.
    """
    import paddle

    features: list[list[Any]] = [[] for _ in prompts]
    for grid, members in _groups([tuple(prompt.image_grid_thw[0].tolist()) for prompt in prompts]):
        patches = paddle.stack([prompts[member].pixel_values for member in members])
        for layer in _encode_stacked(visual, patches, grid):
            for member, feature in zip(members, layer.unbind(0), strict=True):
                features[member].append(feature)
    return features


def _groups(grids: Sequence[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Yield each grid with the numbers of images that have it, as many as may go together."""
    members: dict[tuple[int, ...], list[int]] = {}
    for number, grid in enumerate(grids):
        members.setdefault(grid, []).append(number)
    for grid, numbers in members.items():
        step = max(1, PATCHES_AT_ONCE // int(np.prod(grid)))
        for start in range(0, len(numbers), step):
            yield grid, numbers[start : start + step]


def _encode_stacked(visual: Any, patches: Any, grid: tuple[int, ...]) -> list[Any]:
    """Run the vision tower on images of one grid, `patches` (images, patches, pixels of a patch)."""
    import paddle
    from paddle.nn import functional

    images, length = patches.shape[:2]
    grid_thw = paddle.to_tensor([list(grid)])
    projection = visual.patch_embed.proj
    # A convolution whose stride is its kernel is a matrix product.
    weight = projection.weight.reshape([projection.weight.shape[0], -1])
    hidden = paddle.matmul(patches.astype(weight.dtype), weight, transpose_y=True) + projection.bias
    hidden = hidden + visual.fast_pos_embed_interpolate(grid_thw).astype(hidden.dtype)
    angles = visual.rot_pos_emb(grid_thw).reshape([1, length, 1, -1]).astype("float32")
    angles = paddle.concat([angles, angles], axis=-1)
    cos, sin = angles.cos(), angles.sin()
    half = sin.shape[-1] // 2
    sin = paddle.concat([-sin[..., :half], sin[..., half:]], axis=-1)
    layers = []
    for number, block in enumerate(visual.blocks):
        heads = block.attn.num_heads
        mixed = block.attn.qkv(block.norm1(hidden)).reshape([images, length, 3, heads, -1])
        query_key = mixed[:, :, :2].reshape([images, length, 2 * heads, -1]).astype("float32")
        query_key = (query_key * cos + query_key.roll(half, axis=-1) * sin).astype(mixed.dtype)
        attended = functional.scaled_dot_product_attention(
            query_key[:, :, :heads], query_key[:, :, heads:], mixed[:, :, 2]
        )
        hidden = hidden + block.attn.proj(attended.reshape(hidden.shape))
        hidden = hidden + block.mlp(block.norm2(hidden))
        if number in visual.deepstack_visual_indexes:
            merger = visual.deepstack_merger_list[visual.deepstack_visual_indexes.index(number)]
            layers.append(merger(hidden))
    layers.insert(0, visual.merger(hidden))
    return [layer.reshape([images, -1, layer.shape[-1]]) for layer in layers]
