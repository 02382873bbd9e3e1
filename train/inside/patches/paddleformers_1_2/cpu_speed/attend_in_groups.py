"""Compute all queries that share keys and values in one matrix product.

Upstream: eager_attention_forward (paddleformers/nn/attention/eager_attention.py, lines 44 to 63) copies keys
    and values for every query head, and adds a mask with broadcasting.
Patch: treat the heads of a group as more queries of one head, and make the mask once per step for all layers.
Remove: when Paddle's CPU kernels broadcast as fast as they multiply.
"""

from typing import Any

from train.inside.patches.paddleformers_1_2.shared.newest_inputs import NewestInputs


def attend_in_groups() -> str:
    """Replace eager attention in the language model."""
    import paddle
    from paddle.nn import functional
    from paddleformers.nn.attention import AttentionInterface
    from paddleformers.transformers.qwen3_vl import modeling
    from paddleformers.utils.masking_utils import _gen_from_sparse_attn_mask_indices as dense_mask

    attend = AttentionInterface._global_mapping["eager"]
    masks = NewestInputs()

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
