"""Build the reference of a full run: a frozen copy of the model at the start.

Upstream: run_dpo (paddleformers/cli/train/dpo/workflow.py, line 228) makes it by from_config, which looks the
    class up in MODEL_MAPPING (transformers/auto/modeling.py, line 196) and imports one of paddlefleet's
    that does not exist.
Patch: make it of the plain class, which the model itself is of.
Remove: when from_config finds the class that from_pretrained finds.
"""

from typing import Any

from models.qwen3_vl.plain_classes import plain_class


def build_reference_model() -> str:
    """Let the stage VL-DPO make plain models from their configuration."""
    from paddleformers.cli.train.dpo import workflow

    class PlainModels(workflow.AutoModelForConditionalGeneration):  # type: ignore[misc]
        @classmethod
        def from_config(cls, config: Any, **options: Any) -> Any:
            model = plain_class(config.model_type).from_config(config, **options)
            for parameter in model.parameters():
                parameter.stop_gradient = True
            return model

    workflow.AutoModelForConditionalGeneration = PlainModels
    return "build_reference_model"
