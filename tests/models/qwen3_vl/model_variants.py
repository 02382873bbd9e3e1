"""The model of an engine as it is, with a vision layer that feeds a text layer, and with an adapter."""

from typing import Any

from infer.engines.paddle.engine import PaddleEngine
from models.libraries import quiet
from models.qwen3_vl.plain_classes import plain_class


def plain(engine: PaddleEngine) -> Any:
    return engine.model


def with_deepstack(engine: PaddleEngine) -> Any:
    """A model with two blocks in its vision tower, the first of which feeds the first text layer."""
    import copy

    import paddle

    config = copy.deepcopy(engine.model.config)
    config.vision_config.depth, config.vision_config.deepstack_visual_indexes = 2, [0]
    paddle.seed(0)
    with quiet():
        model = plain_class(config.model_type)(config)
    for _, weight in model.named_parameters():
        weight.set_value(weight + 0.1 * paddle.randn(weight.shape))
    model.eval()
    return model


def with_adapter(engine: PaddleEngine) -> Any:
    import paddle
    from paddleformers.peft import LoRAConfig, LoRAModel

    model = with_deepstack(engine)
    targets = [
        ".*qkv_proj.*",
        ".*o_proj.*",
        ".*up_gate_proj.*",
        ".*down_proj.*",
        ".*attn.qkv.*",
        ".*linear_fc.*",
        ".*mlp.experts",
    ]
    lora = LoRAModel(model, LoRAConfig(r=4, lora_alpha=8, target_modules=targets))
    for name, weight in lora.named_parameters():
        if "lora_B" in name:
            weight.set_value(0.1 * paddle.randn(weight.shape))
    lora.eval()
    assert any("lora_B" in name and "language_model" in name for name, _ in lora.named_parameters())
    return lora.model
