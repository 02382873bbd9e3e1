"""Let a frozen part of the model pass gradients on to the parts in front of it.

Upstream: with `freeze_vision` the vision tower runs under no_grad (paddleformers/transformers/qwen3_vl/
    modeling_fleet.py, lines 1234 and 1260), though its output comes from the aligner: the aligner gets no
    gradient. With `freeze_aligner`, line 1060 looks for a part that Qwen3-VL does not have.
Patch: the model is built as if nothing were frozen. freeze_model_parameters, which runs after
    (paddleformers/cli/train/sft/workflow.py, line 615), sets stop_gradient on the frozen parameters.
Remove: when a run with `freeze_vision freeze_llm` changes the aligner's weights.
"""

from typing import Any

FLAGS = ("freeze_language_model", "freeze_vision_model", "freeze_vision_projection")


def freeze_by_parameters() -> str:
    """Leave freezing to the parameters' stop_gradient."""
    from paddleformers.transformers.qwen3_vl import modeling_fleet

    provider = modeling_fleet.Qwen3VLProvider
    build = provider.from_config.__func__

    def from_config(cls: type[Any], config: Any) -> Any:
        built = build(cls, config)
        for flag in FLAGS:
            setattr(built, flag, False)
        return built

    provider.from_config = classmethod(from_config)
    return "freeze_by_parameters"
