"""Pass batches from the data workers to the training process through pipes, not through shared memory.

Upstream: paddle.io.DataLoader puts batches into files of /dev/shm (paddle/io/dataloader/worker.py, line 378),
    and tensors even without use_shared_memory. On a busy machine, a file is sometimes removed before the
    training process has opened it, and the run ends with "File descriptor /paddle_... open failed"
    (https://github.com/PaddlePaddle/Paddle/issues/55224).
Patch: use_shared_memory=False, and arrays in place of tensors in the worker. The batches of a CPU training
    are small: copying them takes no time that counts.
Remove: when that issue is closed.
"""

from collections.abc import Callable
from typing import Any


def pass_batches_through_pipes() -> str:
    """Make every data loader with workers hand over NumPy arrays, without shared memory."""
    from paddle.io import DataLoader

    build = DataLoader.__init__

    def build_with_pipes(self: Any, *args: Any, **options: Any) -> None:
        if options.get("num_workers", 0) and (collate := options.get("collate_fn")):
            options |= {"collate_fn": _with_arrays(collate), "use_shared_memory": False}
        build(self, *args, **options)

    DataLoader.__init__ = build_with_pipes
    return "pass_batches_through_pipes"


def _with_arrays(collate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def collate_arrays(samples: Any) -> Any:
        return _to_arrays(collate(samples))

    return collate_arrays


def _to_arrays(batch: Any) -> Any:
    import paddle

    if isinstance(batch, dict):
        return {key: _to_arrays(value) for key, value in batch.items()}
    if isinstance(batch, (list, tuple)):
        return type(batch)(map(_to_arrays, batch))
    return batch.numpy() if isinstance(batch, paddle.Tensor) else batch
