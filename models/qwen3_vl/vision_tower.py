"""Qwen3-VL's vision tower over the layers of a loaded Paddle model; images of one size go together."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from models.family import EncodedImage

PATCHES_AT_ONCE = 1 << 13
"""Images of one size go through the tower together, up to this many patches."""


def read_images(visual: Any, images: Sequence[EncodedImage]) -> list[list[Any]]:
    """Return each image's features as [last, *deepstack], each (image tokens, width).

    Deepstack features come from inner layers of the tower; the first text layers add them. An image attends
    only to itself, so images of one size are stacked and need no mask. The same object is read once.
    """
    import paddle

    different = list({id(image): image for image in images}.values())
    features: dict[int, list[Any]] = {id(image): [] for image in different}
    for grid, members in _groups([tuple(image.image_grid_thw[0].tolist()) for image in different]):
        patches = paddle.stack([different[member].pixel_values for member in members])
        for layer in _encode_stacked(visual, patches, grid):
            for member, feature in zip(members, layer.unbind(0), strict=True):
                features[id(different[member])].append(feature)
    return [features[id(image)] for image in images]


def _groups(grids: Sequence[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Yield each grid with the numbers of its images, at most `PATCHES_AT_ONCE` patches at a time."""
    members: dict[tuple[int, ...], list[int]] = {}
    for number, grid in enumerate(grids):
        members.setdefault(grid, []).append(number)
    for grid, numbers in members.items():
        step = max(1, PATCHES_AT_ONCE // math.prod(grid))
        for start in range(0, len(numbers), step):
            yield grid, numbers[start : start + step]


def _encode_stacked(visual: Any, patches: Any, grid: tuple[int, ...]) -> list[Any]:
    """Return [last, *deepstack] features, each (images, image tokens, width), of images of one grid.

    `patches` is (images, patches, elements of a patch).
    """
    hidden = _embed_patches(visual, patches, grid)
    cos, sin = _rotations(visual, grid)
    layers = []
    for number, block in enumerate(visual.blocks):
        hidden = hidden + _attend(block.attn, block.norm1(hidden), cos, sin)
        hidden = hidden + block.mlp(block.norm2(hidden))
        if number in visual.deepstack_visual_indexes:
            merger = visual.deepstack_merger_list[visual.deepstack_visual_indexes.index(number)]
            layers.append(merger(hidden))
    layers.insert(0, visual.merger(hidden))
    return [layer.reshape([hidden.shape[0], -1, layer.shape[-1]]) for layer in layers]


def _embed_patches(visual: Any, patches: Any, grid: tuple[int, ...]) -> Any:
    import paddle

    projection = visual.patch_embed.proj
    # The stride of the convolution equals its kernel, so it is a matrix product.
    weight = projection.weight.reshape([projection.weight.shape[0], -1])
    hidden = paddle.matmul(patches.astype(weight.dtype), weight, transpose_y=True) + projection.bias
    return hidden + visual.fast_pos_embed_interpolate(paddle.to_tensor([list(grid)])).astype(hidden.dtype)


def _rotations(visual: Any, grid: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the cosines, and the sines with the first half negated, (patches, 2 x heads, head width) each.

    They are repeated for the queries and keys of every head, as Paddle's CPU kernel takes much longer to
    multiply otherwise.
    """
    import paddle

    angles = visual.rot_pos_emb(paddle.to_tensor([list(grid)]))
    angles = angles.reshape([math.prod(grid), 1, -1]).astype("float32")
    angles = paddle.concat([angles, angles], axis=-1)
    cos, sin = angles.cos(), angles.sin()
    half = sin.shape[-1] // 2
    sin = paddle.concat([-sin[..., :half], sin[..., half:]], axis=-1)
    every = [1, 2 * visual.blocks[0].attn.num_heads, 1]
    return cos.tile(every), sin.tile(every)


def _attend(attention: Any, hidden: Any, cos: Any, sin: Any) -> Any:
    from paddle.nn import functional

    (images, length), heads = hidden.shape[:2], attention.num_heads
    mixed = attention.qkv(hidden).reshape([images, length, 3, heads, -1])
    query_key = mixed[:, :, :2].reshape([images, length, 2 * heads, -1]).astype("float32")
    query_key = (query_key * cos + query_key.roll(sin.shape[-1] // 2, axis=-1) * sin).astype(mixed.dtype)
    attended = functional.scaled_dot_product_attention(
        query_key[:, :, :heads], query_key[:, :, heads:], mixed[:, :, 2]
    )
    return attention.proj(attended.reshape(hidden.shape))
