"""A table of names inside of the model is made again when an adapter is added."""

from types import SimpleNamespace
from typing import Any

import paddle
import pytest
from paddleformers.peft import LoRAModel

from train.inside.patches.paddleformers_1_2.fleet_classes.name_adapters_of_sublayers import (
    name_adapters_of_sublayers,
)


class Piped(paddle.nn.Layer):
    """A part with a table of its parameters' names, which is as old as the part."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = paddle.nn.Linear(4, 4)
        self._set_pipeline_name_mapping()

    def _set_pipeline_name_mapping(self) -> None:
        self.table = {name: f"model.{name}" for name in super().state_dict()}

    def state_dict(self, *_: Any, **__: Any) -> Any:
        return {self.table[name]: value for name, value in super().state_dict().items()}


class Composite(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.language_model = Piped()
        self.config = SimpleNamespace(tensor_model_parallel_size=1)


def add_adapter(model: Composite) -> None:
    config = SimpleNamespace(target_modules=[".*q_proj.*"])
    replace = SimpleNamespace(_find_and_replace_module=replace_linear)
    LoRAModel.get_lora_model(replace, model, config)


def replace_linear(model: Composite, name: str, _: Any) -> None:
    del name
    model.language_model.q_proj.lora_A = paddle.create_parameter([4, 2], "float32")


def test_the_adapter_has_names(monkeypatch: pytest.MonkeyPatch) -> None:
    original = LoRAModel.get_lora_model
    monkeypatch.setattr(LoRAModel, "get_lora_model", original)  # undone after the test
    model = Composite()
    add_adapter(model)
    with pytest.raises(KeyError, match="lora_A"):
        model.language_model.state_dict()
    assert name_adapters_of_sublayers() == "name_adapters_of_sublayers"
    model = Composite()
    add_adapter(model)
    assert "model.q_proj.lora_A" in model.language_model.state_dict()
