"""Pickles of a checkpoint that call functions: they are refused, and nothing is called.

tests/train/inside/patches/ resumes a real training from such a checkpoint.
"""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import paddle
import pytest

from models.checked_pickles import RefusedPickleError, checked_pickles, load_checked


class Call:
    """Pickles as a call of a function: what an attacker writes."""

    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


FUNCTIONS = [
    (os.system, "touch {}"),
    (eval, "open({!r}, 'w')"),  # Paddle itself saves a DenseTensor as a call of eval
    (open, "{}", "w"),
]


@pytest.mark.parametrize("call", FUNCTIONS, ids=lambda call: call[0].__name__)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_in_a_pickle_does_not_run(tmp_path: Path, call: tuple[Any, ...], protocol: int) -> None:
    written, file = tmp_path / "written", tmp_path / "scheduler.pdparams"
    function, *words = call
    file.write_bytes(
        pickle.dumps({"a": Call(function, *(word.format(str(written)) for word in words))}, protocol)
    )
    with (
        checked_pickles(),
        pytest.raises(RefusedPickleError, match=rf"scheduler\.pdparams: refers to .*{function.__name__}"),
    ):
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
