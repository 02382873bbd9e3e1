"""Let an adapter's parameters in the language model have names.

Upstream: the language model is a pipeline layer inside of the model, with a table of its parameters' names.
    The table is made before the adapter is added, and is not made again: the renewal asks for a model that is
    a pipeline layer as a whole (paddleformers/peft/lora/lora_model.py, lines 260 to 266, and paddleformers/
    cli/train/sft/workflow.py, line 802). The state dict raises KeyError, or names them `1.self_attn...`.
Patch: make the table of every sublayer that has one again, after the adapter is added.
Remove: when LoRAModel renews the tables of the parts of a model.
"""

from typing import Any

RENEW = "_set_pipeline_name_mapping"


def name_adapters_of_sublayers() -> str:
    """Renew the tables of names of every model that gets an adapter from now on."""
    from paddleformers.peft import LoRAModel

    add = LoRAModel.get_lora_model

    def get_lora_model(self: Any, model: Any, lora_config: Any) -> Any:
        adapted = add(self, model, lora_config)
        for layer in adapted.sublayers():
            if hasattr(layer, RENEW):
                getattr(layer, RENEW)()
        return adapted

    LoRAModel.get_lora_model = get_lora_model
    return "name_adapters_of_sublayers"
