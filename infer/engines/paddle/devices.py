"""The device that a model runs on."""

import io
from contextlib import redirect_stderr

from grounding.errors import UserError
from models.libraries import quiet


def count_gpus() -> int:
    """Return the number of GPUs that Paddle sees."""
    with quiet(), redirect_stderr(io.StringIO()):
        import paddle

    return int(paddle.device.cuda.device_count()) if paddle.device.is_compiled_with_cuda() else 0


def choose_device(device: str) -> str:
    """Return "gpu" or "cpu" for a recipe's device; "auto" prefers a GPU.

    Raises:
        UserError: a GPU is asked for and Paddle sees none.
    """
    has_gpu = count_gpus() > 0
    if device == "gpu" and not has_gpu:
        raise UserError("device=gpu: this Paddle sees no GPU: install paddlepaddle-gpu, or set device=cpu")
    return "gpu" if has_gpu and device != "cpu" else "cpu"
