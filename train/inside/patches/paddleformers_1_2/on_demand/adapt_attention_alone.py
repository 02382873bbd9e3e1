"""Put LoRA adapters on attention alone.

Upstream: PaddleFormers 1.2.0 adapts attention and feed-forward matrices alike; no key names the matrices
    (create_peft_model in paddleformers/cli/train/sft/workflow.py, line 778; dpo/workflow.py, line 265).
Patch: with grounding_lora_targets: attention, only PaddleFormers' own patterns of attention are left.
Remove: when a key of PaddleFormers takes the targets of LoRA.
"""

from typing import Any


def adapt_attention_alone() -> str:
    """Let every adapter that is made from now on be one of attention."""
    from paddleformers.cli.train.dpo import workflow as preferences
    from paddleformers.cli.train.sft import workflow
    from paddleformers.cli.utils import llm_utils

    from train.adapter_targets import attention_targets

    choose = llm_utils.get_lora_target_modules

    def get_lora_target_modules(model: Any) -> list[str]:
        return attention_targets(choose(model))

    for module in (llm_utils, workflow, preferences):
        module.get_lora_target_modules = get_lora_target_modules
    return "adapt_attention_alone"
