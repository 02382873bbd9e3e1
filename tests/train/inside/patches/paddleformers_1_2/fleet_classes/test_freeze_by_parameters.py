"""The provider of paddlefleet's model freezes nothing, whatever freeze_config says."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import paddleformers.transformers.qwen3_vl as package
import pytest

from train.inside.patches.paddleformers_1_2.fleet_classes.freeze_by_parameters import (
    FLAGS,
    freeze_by_parameters,
)


class Provider:
    """Copies the config's values, as the provider that it stands for does."""

    @classmethod
    def from_config(cls, config: Any) -> Any:
        provider = cls()
        vars(provider).update(vars(config))
        return provider


def test_the_flags_do_not_reach_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = ModuleType(f"{package.__name__}.modeling_fleet")
    layers.Qwen3VLProvider = type("Qwen3VLProvider", (Provider,), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, layers.__name__, layers)
    monkeypatch.setattr(package, "modeling_fleet", layers, raising=False)
    config = SimpleNamespace(hidden_size=8, **dict.fromkeys(FLAGS, True))
    before = layers.Qwen3VLProvider.from_config(config)
    assert all(getattr(before, flag) for flag in FLAGS)
    assert freeze_by_parameters() == "freeze_by_parameters"
    after = layers.Qwen3VLProvider.from_config(config)
    assert not any(getattr(after, flag) for flag in FLAGS)
    assert after.hidden_size == 8
    assert isinstance(after, layers.Qwen3VLProvider)
    assert all(getattr(config, flag) for flag in FLAGS)  # freeze_model_parameters reads freeze_config
