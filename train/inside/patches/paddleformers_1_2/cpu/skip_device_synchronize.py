"""Let the trainer wait for a CPU.

Upstream: paddle.device.synchronize (paddle/device/__init__.py, line 1834) raises a TypeError on a CPU, and
    the trainer calls it (paddleformers/trainer/trainer.py, line 2463, when it accumulates gradients).
Patch: a synchronize that does nothing: a CPU's operations are over when they return.
Remove: when paddle.device.synchronize returns on a CPU.
"""

from typing import Any


def skip_device_synchronize() -> str:
    """Replace paddle.device.synchronize by a function that does nothing."""
    import paddle

    def synchronize(device: Any = None) -> None:
        del device

    paddle.device.synchronize = synchronize
    return "skip_device_synchronize"
