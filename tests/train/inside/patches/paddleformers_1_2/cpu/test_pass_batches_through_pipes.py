from typing import Any

import paddle
import pytest
from paddle.io import DataLoader, Dataset

from train.inside.patches.paddleformers_1_2.cpu.pass_batches_through_pipes import pass_batches_through_pipes


class Numbers(Dataset):  # type: ignore[misc]
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> int:
        return index


def collate(samples: list[int]) -> dict[str, Any]:
    """Make tensors, as PaddleFormers does."""
    return {"ids": paddle.to_tensor(samples), "nested": [paddle.to_tensor([0.5] * len(samples))]}


def test_batches_arrive_as_tensors_without_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DataLoader, "__init__", DataLoader.__init__)  # put back at the end
    pass_batches_through_pipes()
    loader = DataLoader(Numbers(), batch_size=2, num_workers=1, collate_fn=collate)
    assert not loader.use_shared_memory
    batches = list(loader)
    assert [batch["ids"].tolist() for batch in batches] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    for batch in batches:
        assert isinstance(batch["ids"], paddle.Tensor)
        assert batch["ids"].dtype == paddle.int64
        assert batch["nested"][0].dtype == paddle.float32
