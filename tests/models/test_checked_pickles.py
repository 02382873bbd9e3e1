"""Pickles of checkpoints: what PaddleFormers stores comes back (what would run code: tests/attacks)."""

import pickle
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
from paddle.distributed.flex_checkpoint.dcp.metadata import LocalTensorIndex, LocalTensorMetadata, Metadata
from paddleformers.trainer.trainer_callback import TrainerState

from models.checked_pickles import checked_pickles


@pytest.fixture
def checked() -> Iterator[None]:
    with checked_pickles():
        yield


def state_of_random_numbers() -> dict[str, Any]:
    generator = paddle.framework.core.default_cpu_generator().get_state()
    return {"python": (3, (1, 2), None), "numpy": np.random.get_state(), "cpu": generator, "world_size": 1}


@pytest.mark.usefixtures("checked")
def test_what_a_checkpoint_stores_comes_back(tmp_path: Path) -> None:
    index = Metadata(
        {"w": [LocalTensorMetadata((0,), (2,), "float32")]}, {LocalTensorIndex("w", (0,)): "0_0"}
    )
    stored = {
        "scheduler": {"last_epoch": 3, "last_lr": 0.1},
        "state": TrainerState(global_step=3, best_metric=np.float32(0.5)),
        "rng": state_of_random_numbers(),
        "index": index,
        "tensors": OrderedDict(w=paddle.to_tensor([1.0, 2.0])),
    }
    back = {}
    for name, value in stored.items():
        paddle.save(value, str(tmp_path / name))
        back[name] = paddle.load(str(tmp_path / name), return_numpy=name == "rng")
    assert back["scheduler"] == stored["scheduler"]
    assert (back["state"].global_step, back["state"].best_metric) == (3, 0.5)
    assert back["index"].storage_metadata == index.storage_metadata
    assert (back["rng"]["numpy"][1] == stored["rng"]["numpy"][1]).all()
    paddle.framework.core.default_cpu_generator().set_state(back["rng"]["cpu"])
    assert back["tensors"]["w"].tolist() == [1.0, 2.0]


def test_paddle_reads_as_before_after_the_block(tmp_path: Path) -> None:
    with checked_pickles():
        assert paddle.framework.io.pickle is not pickle
    assert paddle.framework.io.pickle is pickle
