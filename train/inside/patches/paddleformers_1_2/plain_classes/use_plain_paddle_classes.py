"""Train with the plain Paddle models.

Upstream: the default classes are made of paddlefleet's GPU layers
    (paddleformers/transformers/qwen3_vl/modeling.py, lines 52 to 74). The file of the mixture of experts
    imports two of those layers (paddleformers/transformers/qwen3_vl_moe/modeling.py, line 51), though its
    plain classes use neither.
Patch: put the plain classes (...Deprecated) in the place of the default ones, and a module with two empty
    names in the place of modeling_fleet.
Remove: when PaddleFormers takes the plain classes itself if paddlefleet is not installed.
"""

import sys
from types import ModuleType


def use_plain_paddle_classes() -> str:
    """Replace the default classes of the dense model and of the mixture of experts."""
    from paddleformers.transformers.qwen3_vl import modeling

    modeling.Qwen3VLForConditionalGeneration = modeling.Qwen3VLForConditionalGenerationDeprecated
    modeling.Qwen3VLModel = modeling.Qwen3VLModelDeprecated
    layers = ModuleType("paddleformers.transformers.qwen3_vl.modeling_fleet")
    vars(layers).update(Qwen3VLModelDist=None, Qwen3VLProvider=None)
    sys.modules[layers.__name__] = layers
    from paddleformers.transformers.qwen3_vl_moe import modeling as mixture

    mixture.Qwen3VLMoeForConditionalGeneration = mixture.Qwen3VLMoeForConditionalGenerationDeprecated
    mixture.Qwen3VLMoeModel = mixture.Qwen3VLMoeModelDeprecated
    return "use_plain_paddle_classes"
