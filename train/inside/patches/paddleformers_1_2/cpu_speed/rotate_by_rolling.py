"""Rotate queries and keys by a roll.

Upstream: apply_multimodal_rotary_pos_emb (paddleformers/transformers/qwen3_vl/modeling.py, line 831) slices,
    concatenates and multiplies with broadcasting in every layer.
Patch: roll by half of the width and multiply with a sine that has the sign in it. Both tables are made once
    per step.
Remove: when Paddle's CPU kernels broadcast as fast as they multiply.
"""

from typing import Any

from train.inside.patches.paddleformers_1_2.shared.newest_inputs import NewestInputs


def rotate_by_rolling() -> str:
    """Replace the rotation of queries and keys in the language model."""
    import paddle
    from paddleformers.transformers.qwen3_vl import modeling

    angles = NewestInputs()

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
