"""Let the plain vision tower recompute its blocks.

Upstream: Qwen3VLVisionModel.recompute_training_full (paddleformers/transformers/qwen3_vl/modeling.py, line
    562) is called with a mask (line 703) that it does not accept.
Patch: pass all arguments on to the block.
Remove: when the method accepts attn_mask_startend_row_indices and passes it on.
"""

from typing import Any


def recompute_vision_with_its_mask() -> str:
    """Recompute a block of the vision tower with all of its arguments."""
    from paddle.distributed.fleet.utils import recompute
    from paddleformers.transformers.qwen3_vl import modeling

    def recompute_training_full(self: Any, block: Any, hidden_states: Any, **kwargs: Any) -> Any:
        del self
        return recompute(block, hidden_states, **kwargs)

    modeling.Qwen3VLVisionModel.recompute_training_full = recompute_training_full
    return "recompute_vision_with_its_mask"
