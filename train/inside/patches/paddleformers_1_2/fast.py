"""Faster forms of what the tiny model spends its time on, on a CPU, with the same results.

Paddle's CPU kernels multiply with broadcasting ten times slower than without it, and PaddleFormers computes
the positions of an image's patches by hundreds of tiny operations in every step. Each function
replaces one piece of a library and returns its own name for the log.
"""

import functools
from collections.abc import Callable
from typing import Any


def attend_to_each_image_alone() -> str:
    """Let eager vision attention run image by image.

    As shipped it attends over all patches of the batch at once and masks what belongs to other
    images: the same result at a cost that grows with the square of the batch.
    """
    import paddle
    from paddleformers.nn.attention import AttentionInterface
    from paddleformers.transformers.qwen3_vl import modeling

    attend = AttentionInterface._global_mapping["eager"]

    def attend_by_image(module: Any, query: Any, key: Any, value: Any, **kwargs: Any) -> Any:
        # (1, 1, patches, 4): the rows that may not see a patch; the first number is its image's end.
        hidden_rows = kwargs.get("attn_mask_startend_row_indices")
        if not isinstance(module, modeling.Qwen3VLVisionAttention) or hidden_rows is None:
            return attend(module, query, key, value, **kwargs)
        kwargs["attn_mask_startend_row_indices"] = None
        outputs: list[Any] = []
        for length, count in _runs(hidden_rows[0, 0, :, 0].tolist()):
            start = sum(output.shape[1] for output in outputs)
            parts = [_cut(tensor, start, length, count) for tensor in (query, key, value)]
            output, _ = attend(module, *parts, **kwargs)
            outputs.append(output.reshape([1, count * length, -1]))
        return (outputs[0] if len(outputs) == 1 else paddle.concat(outputs, axis=1)), None

    AttentionInterface.register("eager", attend_by_image)
    return "attend_to_each_image_alone"


def _runs(ends: list[int]) -> list[tuple[int, int]]:
    """Return (patches an image, images) for neighbouring images of one size, from every patch's image end."""
    runs: list[tuple[int, int]] = []
    start = 0
    while start < len(ends):
        length = ends[start] - start
        if runs and runs[-1][0] == length:
            runs[-1] = (length, runs[-1][1] + 1)
        else:
            runs.append((length, 1))
        start = ends[start]
    return runs


def _cut(tensor: Any, start: int, length: int, count: int) -> Any:
    """(1, heads, patches, width) -> (count, heads, length, width)."""
    heads, width = tensor.shape[1], tensor.shape[3]
    part = tensor[:, :, start : start + length * count]
    return part.reshape([heads, count, length, width]).transpose([1, 0, 2, 3])


class _OfNewest:
    """What was made of the newest inputs, known by identity: all layers of a step are given the same ones."""

    def __init__(self) -> None:
        self._inputs: tuple[Any, ...] = ()
        self._made: dict[Any, Any] = {}

    def get(self, inputs: tuple[Any, ...], key: Any, make: Callable[[], Any]) -> Any:
        if [*map(id, inputs)] != [*map(id, self._inputs)]:
            self._inputs, self._made = inputs, {}
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


def attend_in_groups() -> str:
    """Let eager text attention answer all queries that share keys and values in one matrix product.

    As shipped it copies keys and values for every query head, and adds a mask with broadcasting. Here the
    heads of a group are so many more queries, and the mask is made once for all layers.
    """
    import paddle
    from paddle.nn import functional
    from paddleformers.nn.attention import AttentionInterface
    from paddleformers.transformers.qwen3_vl import modeling
    from paddleformers.utils.masking_utils import _gen_from_sparse_attn_mask_indices as dense_mask

    attend = AttentionInterface._global_mapping["eager"]
    masks = _OfNewest()

    def mask_for(dense: Any, sparse: Any, is_causal: bool | None, shape: list[int], groups: int) -> Any:
        """(batch, 1, queries, keys), or its sparse form -> a row for every query of every head."""

        def make() -> Any:
            mask = dense_mask(sparse, paddle.float32, is_causal) if dense is None else dense
            return mask[:, :, :, : shape[-1]].tile([1, 1, groups, 1]).expand(shape).contiguous()

        return masks.get((dense, sparse), tuple(shape), make)

    def attend_by_group(module: Any, query: Any, key: Any, value: Any, **kwargs: Any) -> Any:
        dense, sparse = kwargs.get("attention_mask"), kwargs.get("attn_mask_startend_row_indices")
        is_plain = isinstance(module, modeling.Qwen3VLTextAttention) and query.dtype == paddle.float32
        is_masked = dense is not None or sparse is not None
        if not (is_plain and is_masked) or kwargs.get("dropout") or kwargs.get("sink") is not None:
            return attend(module, query, key, value, **kwargs)
        batch, heads, length, width = query.shape
        shared = key.shape[1]
        queries = (query * kwargs["scaling"]).reshape([batch, shared, -1, width])
        scores = paddle.matmul(queries, key, transpose_y=True)
        scores = scores + mask_for(dense, sparse, kwargs.get("is_causal"), scores.shape, heads // shared)
        output = paddle.matmul(functional.softmax(scores, axis=-1), value)
        output = output.reshape([batch, heads, length, width]).transpose([0, 2, 1, 3])
        return output.reshape([batch, length, heads * width]), None

    AttentionInterface.register("eager", attend_by_group)
    return "attend_in_groups"


def remember_patch_positions() -> str:
    """Compute the positions of an image's patches once for each image size.

    As shipped hundreds of tiny operations compute them anew in every step, an eighth of the tiny
    model's time.
    """
    import paddle
    from paddleformers.transformers.qwen3_vl import modeling

    vision = modeling.Qwen3VLVisionModel
    rotary, corners = vision.rot_pos_emb, {}

    def rot_pos_emb(self: Any, grid_thw: Any) -> Any:
        known = self.__dict__.setdefault("_rotary_by_grid", {})
        grids = [tuple(grid) for grid in grid_thw.tolist()]
        for grid in grids:
            if grid not in known:
                known[grid] = rotary(self, paddle.to_tensor([grid], dtype="int64"))
        return paddle.concat([known[grid] for grid in grids])

    def fast_pos_embed_interpolate(self: Any, grid_thw: Any) -> Any:
        side, merge = self.num_grid_per_side, self.config.spatial_merge_size
        grids = [tuple(grid) for grid in grid_thw.tolist()]
        for grid in grids:
            if (grid, side) not in corners:
                corners[grid, side] = [paddle.to_tensor(table) for table in corner_tables(grid, side, merge)]
        positions = paddle.concat([corners[grid, side][0] for grid in grids], axis=1)
        shares = paddle.concat([corners[grid, side][1] for grid in grids], axis=1)
        embedded = self.pos_embed(positions) * shares.astype(self.pos_embed.weight.dtype).unsqueeze(-1)
        return embedded[0] + embedded[1] + embedded[2] + embedded[3]

    vision.rot_pos_emb = rot_pos_emb
    vision.fast_pos_embed_interpolate = fast_pos_embed_interpolate
    return "remember_patch_positions"


def corner_tables(grid: tuple[int, int, int], side: int, merge: int) -> tuple[Any, Any]:
    """Return bilinear interpolation's corners and their shares for one image, each (4, patches).

    `grid` is (frames, rows, columns) of patches, `side` the rows and columns of the learnt position
    embeddings; patches come in the order of the merged tokens, merge x merge at a time.
    """
    import numpy as np

    frames, rows, columns = grid

    def along(count: int) -> tuple[Any, Any, Any]:
        place = np.linspace(0, side - 1, count, dtype=np.float32)
        floor = place.astype(np.int64)
        return floor, np.minimum(floor + 1, side - 1), place - floor

    top, bottom, down = (line[:, None] for line in along(rows))
    left, right, across = (line[None] for line in along(columns))
    positions = np.stack([top * side + left, top * side + right, bottom * side + left, bottom * side + right])
    shares = np.stack([(1 - down) * (1 - across), (1 - down) * across, down * (1 - across), down * across])

    def merged_order(table: Any) -> Any:
        blocks = table.reshape(4, rows // merge, merge, columns // merge, merge).transpose(0, 1, 3, 2, 4)
        return np.tile(blocks.reshape(4, -1), (1, frames))

    return merged_order(positions), merged_order(shares.astype(np.float32))


def rotate_by_rolling() -> str:
    """Rotate queries and keys by a roll and a sine with the sign in it, without slices and broadcasting."""
    import paddle
    from paddleformers.transformers.qwen3_vl import modeling

    angles = _OfNewest()

    def tables(cos: Any, sin: Any, shape: list[int], axis: int) -> Any:
        def make() -> list[Any]:
            half = shape[-1] // 2
            signed = paddle.concat([-sin[..., :half], sin[..., half:]], axis=-1)
            return [table.unsqueeze(axis).expand(shape).contiguous() for table in (cos, signed)]

        return angles.get((cos, sin), (tuple(shape), axis), make)

    def apply_multimodal_rotary_pos_emb(
        q: Any, k: Any, cos: Any, sin: Any, unsqueeze_dim: int = 1
    ) -> tuple[Any, Any]:
        rotated = []
        for states in (q, k):
            cosine, sine = tables(cos, sin, states.shape, unsqueeze_dim)
            rotated.append(states * cosine + paddle.roll(states, states.shape[-1] // 2, axis=-1) * sine)
        return rotated[0], rotated[1]

    modeling.apply_multimodal_rotary_pos_emb = apply_multimodal_rotary_pos_emb
    return "rotate_by_rolling"


def normalise_without_broadcasting() -> str:
    """Compute the RMS norm with its gradient written out.

    With y = w x r and r = 1 / rms(x): dx = r (w dy - x r mean(w dy x r)), dw = sum(dy x r).
    """
    import paddle
    from paddle.autograd import PyLayer
    from paddleformers.nn.norm import RMSNorm

    forward = RMSNorm.forward

    @functools.cache
    def row_of_ones(width: int) -> Any:
        return paddle.ones([1, width])

    class Normalise(PyLayer):  # type: ignore[misc]  # paddle has no types
        @staticmethod
        def forward(ctx: Any, states: Any, weight: Any, epsilon: float) -> Any:
            scale = paddle.rsqrt(paddle.square(states).mean(-1, keepdim=True) + epsilon)
            spread = paddle.matmul(scale, row_of_ones(states.shape[-1]))
            weights = paddle.matmul(paddle.ones_like(scale), weight.unsqueeze(0))
            unit = states * spread
            ctx.save_for_backward(unit, spread, weights)
            ctx.frozen = states.stop_gradient, weight.stop_gradient  # LoRA freezes the weights
            return unit * weights

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> tuple[Any, Any]:
            unit, spread, weights = ctx.saved_tensor()
            states_frozen, weight_frozen = ctx.frozen
            inner = gradient * weights
            along = paddle.matmul((inner * unit).mean(-1, keepdim=True), row_of_ones(unit.shape[-1]))
            products = (gradient * unit).reshape([-1, unit.shape[-1]])
            return (
                None if states_frozen else spread * (inner - unit * along),
                None if weight_frozen else products.sum(0),
            )

    def rms_norm(self: Any, hidden_states: Any) -> Any:
        if self.config.get("fuse_rms_norm", True) or self.weight.dtype != paddle.float32:
            return forward(self, hidden_states)
        return Normalise.apply(hidden_states, self.weight, self.variance_epsilon)

    RMSNorm.forward = rms_norm
    return "normalise_without_broadcasting"


def embed_patches_by_matmul() -> str:
    """Embed patches by a matrix product: the convolution's kernel covers each patch exactly once."""
    from paddle.nn import functional
    from paddleformers.transformers.qwen3_vl import modeling

    def forward(self: Any, hidden_states: Any) -> Any:
        kernel = self.proj.weight.reshape([self.embed_dim, -1])
        patches = hidden_states.reshape([-1, kernel.shape[1]]).astype(kernel.dtype)
        return functional.linear(patches, kernel.transpose([1, 0]), self.proj.bias)

    modeling.Qwen3VLVisionPatchEmbed.forward = forward
    return "embed_patches_by_matmul"
