from typing import Any

import numpy as np
import pytest

from train.inside.patches.paddleformers_1_2.always.start_adapters_alike import fill_adapter


class Part:
    """A parameter as `fill_adapter` sees it."""

    def __init__(self, rows: int, *, is_distributed: bool) -> None:
        self.shape = [rows, 4]
        self.dtype = "float32"
        self.is_distributed = is_distributed
        self.value = np.zeros(0)

    def set_value(self, value: Any) -> None:
        self.value = value.numpy()


def test_an_adapter_starts_alike_on_any_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    from paddle.distributed import fleet

    whole = Part(64, is_distributed=False)
    fill_adapter(whole, "layers.0.o_proj.lora_A", seed=1)
    assert np.abs(whole.value).max() <= 1 / 8
    assert np.abs(whole.value).max() > 0.9 / 8
    parts = []
    for rank in range(2):
        group = type("Group", (), {"nranks": 2, "rank": rank})
        hybrid = type("Hybrid", (), {"get_model_parallel_group": lambda self, group=group: group})
        monkeypatch.setattr(fleet, "get_hybrid_communicate_group", hybrid)
        parts.append(Part(32, is_distributed=True))
        fill_adapter(parts[-1], "layers.0.o_proj.lora_A", seed=1)
    np.testing.assert_array_equal(np.concatenate([part.value for part in parts]), whole.value)
    for name, seed in (("layers.1.o_proj.lora_A", 1), ("layers.0.o_proj.lora_A", 2)):
        other = Part(64, is_distributed=False)
        fill_adapter(other, name, seed)
        assert not np.array_equal(other.value, whole.value)
