"""Embed patches by a matrix product.

Upstream: Qwen3VLVisionPatchEmbed (paddleformers/transformers/qwen3_vl/modeling.py, line 110) is a 3D
    convolution, which is slow on a CPU.
Patch: a matrix product. It is the same: the kernel covers each patch exactly once.
Remove: when Paddle's CPU convolution is as fast.
"""

from typing import Any


def embed_patches_by_matmul() -> str:
    """Replace the convolution that embeds patches."""
    from paddle.nn import functional
    from paddleformers.transformers.qwen3_vl import modeling

    def forward(self: Any, hidden_states: Any) -> Any:
        kernel = self.proj.weight.reshape([self.embed_dim, -1])
        patches = hidden_states.reshape([-1, kernel.shape[1]]).astype(kernel.dtype)
        return functional.linear(patches, kernel.transpose([1, 0]), self.proj.bias)

    modeling.Qwen3VLVisionPatchEmbed.forward = forward
    return "embed_patches_by_matmul"
