"""Pickles of checkpoints: what PaddleFormers stores comes back, and what would run code is refused."""

import io
import os
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

from models.checked_pickles import RefusedPickleError, checked_pickles, load_checked


class Call:
    """Pickles as a call of a function: what an attacker writes."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


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


FUNCTIONS = [
    (os.system, "touch {}"),
    (eval, "open({!r}, 'w')"),  # Paddle itself saves a DenseTensor as a call of eval
    (open, "{}", "w"),
]


@pytest.mark.usefixtures("checked")
@pytest.mark.parametrize("call", FUNCTIONS, ids=lambda call: call[0].__name__)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_in_a_pickle_does_not_run(tmp_path: Path, call: tuple[Any, ...], protocol: int) -> None:
    written, file = tmp_path / "written", tmp_path / "scheduler.pdparams"
    function, *words = call
    file.write_bytes(
        pickle.dumps({"a": Call(function, *(word.format(str(written)) for word in words))}, protocol)
    )
    with pytest.raises(RefusedPickleError, match=rf"scheduler\.pdparams: refers to .*{function.__name__}"):
        paddle.load(str(file))
    assert not written.exists()


@pytest.mark.parametrize(
    "name", ["builtins.getattr", "numpy.load", "paddle.load", "collections.OrderedDict.__init__"]
)
def test_a_path_into_an_admitted_class_is_refused(name: str) -> None:
    module, _, attribute = name.partition(".")
    text = b"\x80\x04" + b"".join(
        b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, attribute)
    )
    with pytest.raises(RefusedPickleError, match=name):
        load_checked(io.BytesIO(text + b"\x93."))


def test_paddle_reads_as_before_after_the_block(tmp_path: Path) -> None:
    with checked_pickles():
        assert paddle.framework.io.pickle is not pickle
    assert paddle.framework.io.pickle is pickle
