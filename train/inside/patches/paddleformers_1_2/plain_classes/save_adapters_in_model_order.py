"""Save the adapter of the fused gate and up projections as the gate's columns, then the up projection's.

Upstream: each process has a part of the gate's columns and a part of the up projection's. They are saved
    process by process (paddleformers/peft/lora/lora_model.py, lines 690 to 695). Read by another number of
    processes, that is another adapter.
Patch: name these tensors as fused, in the way in which the model's own weights are named
    (paddleformers/transformers/qwen3_vl/modeling.py, line 471).
Remove: when Qwen3VLPretrainedModel has a _gen_lora_inv_aoa_config of its own.
"""

from typing import Any

from train.inside.patches.paddleformers_1_2.shared.model_parallel_group import GATE_UP_ADAPTER


def save_adapters_in_model_order() -> str:
    """Tell the saver which tensors of an adapter are fused."""
    from paddleformers.transformers.qwen3_vl import modeling

    def gather_statements(self: Any, config: Any) -> list[str]:
        if config.tensor_model_parallel_size == 1:
            return []
        names = (name for name in self.state_dict() if name.endswith(GATE_UP_ADAPTER))
        return [f"{name} -> {name}, fused_ffn" for name in names]

    modeling.Qwen3VLPretrainedModel._gen_lora_inv_aoa_config = gather_statements
    return "save_adapters_in_model_order"
