"""Run eager vision attention image by image.

Upstream: eager_attention_forward (paddleformers/nn/attention/eager_attention.py, line 31) attends over all
    patches of the batch at once, and a mask hides other images. The cost grows with the square of the batch.
Patch: attend to neighbouring images of one size as a batch, without a mask. The result is the same.
Remove: when eager vision attention takes the images apart, or sdpa is fast on CPUs.
"""

from typing import Any


def attend_to_each_image_alone() -> str:
    """Replace eager attention in the vision tower."""
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
        for length, count in image_runs(hidden_rows[0, 0, :, 0].tolist()):
            start = sum(output.shape[1] for output in outputs)
            parts = [_cut(tensor, start, length, count) for tensor in (query, key, value)]
            output, _ = attend(module, *parts, **kwargs)
            outputs.append(output.reshape([1, count * length, -1]))
        return (outputs[0] if len(outputs) == 1 else paddle.concat(outputs, axis=1)), None

    AttentionInterface.register("eager", attend_by_image)
    return "attend_to_each_image_alone"


def image_runs(ends: list[int]) -> list[tuple[int, int]]:
    """Return (patches per image, images) for neighbours of one size, from every patch's image end."""
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
