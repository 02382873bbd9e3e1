"""Pickle files that others may have written: `paddle.load` reads data from them and runs no code.

A pickle names functions that the reader calls. A checkpoint's files need those that build arrays, and the
classes of the states that PaddleFormers and Paddle store in them.
"""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import IO, Any

ADMITTED = frozenset(
    {
        ("builtins", "tuple"),  # a tensor is saved as the pair of its name and its array
        ("collections", "OrderedDict"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("paddle.base.libpaddle", "GeneratorState"),
        ("paddle.distributed.flex_checkpoint.dcp.metadata", "LocalTensorIndex"),
        ("paddle.distributed.flex_checkpoint.dcp.metadata", "LocalTensorMetadata"),
        ("paddle.distributed.flex_checkpoint.dcp.metadata", "Metadata"),
        ("paddleformers.trainer.trainer_callback", "TrainerState"),
    }
)
"""Module and name of everything that the checkpoints of PaddleFormers 1.2 and Paddle 3.3 refer to."""


class RefusedPickleError(RuntimeError):
    """A pickle names something that no checkpoint needs; it was not called.

    No UnpicklingError: `paddle.load` would try other formats on it, and hide the reason.
    """


class CheckedUnpickler(pickle.Unpickler):
    """An unpickler that calls what is in ADMITTED, and nothing else."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Return an admitted class or function.

        Raises:
            RefusedPickleError: it is not in ADMITTED.
        """
        if (module_name, global_name) not in ADMITTED:
            where, name = getattr(self, "where", "a pickle"), f"{module_name}.{global_name}"
            raise RefusedPickleError(
                f"{where}: refers to {name}, which no checkpoint of PaddleFormers has: it may run code, and "
                "was not read: take checkpoints only from people whom you trust"
            )
        return super().find_class(module_name, global_name)


def load_checked(file: IO[bytes], **options: Any) -> Any:
    """Read a pickle as `pickle.load` does.

    Raises:
        RefusedPickleError: it refers to something that is not in ADMITTED.
    """
    reader = CheckedUnpickler(file, **options)
    reader.where = str(getattr(file, "name", "a pickle"))  # type: ignore[attr-defined]
    return reader.load()


def check_pickles() -> None:
    """Let `paddle.load` read pickles with `load_checked` from now on, in this process."""
    from paddle.framework import io, io_utils

    io.pickle = io_utils.pickle = _checked_module()


@contextmanager
def checked_pickles() -> Iterator[None]:
    """Let `paddle.load` read pickles with `load_checked` within the block."""
    from paddle.framework import io, io_utils

    before = io.pickle, io_utils.pickle
    check_pickles()
    try:
        yield
    finally:
        io.pickle, io_utils.pickle = before


def _checked_module() -> ModuleType:
    """Return a module like pickle whose `load` is checked; `loads`, for macOS alone, is left out."""
    module = ModuleType("pickle")
    vars(module).update({name: value for name, value in vars(pickle).items() if not name.startswith("__")})
    vars(module).update(load=load_checked, loads=_refuse_bytes)
    return module


def _refuse_bytes(*_: object, **__: object) -> Any:
    raise RefusedPickleError("a pickle in memory is not read: Paddle has them on macOS alone")
