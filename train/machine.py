"""The GPUs of this machine."""

from train.keys import quiet_imports


def machine_has_gpu() -> bool:
    """Tell whether Paddle can compute on a GPU here."""
    return visible_gpus() > 0


def visible_gpus() -> int:
    """Return how many GPUs Paddle sees here; asking does not claim any."""
    with quiet_imports():
        import paddle

    return int(paddle.device.cuda.device_count()) if paddle.device.is_compiled_with_cuda() else 0


def smallest_gpu_bytes() -> int | None:
    """Return the memory of the smallest visible GPU in bytes, None if there is no GPU."""
    with quiet_imports():
        import paddle

    properties = [paddle.device.cuda.get_device_properties(number) for number in range(visible_gpus())]
    return min((int(gpu.total_memory) for gpu in properties), default=None)


DISPATCHER_KEY = "moe_token_dispatcher_type"
DEEPEP, ALL_TO_ALL = "deepep", "alltoall"
DEEPEP_CAPABILITY = (9, 0)
"""What deepep's kernels need at least; PaddleFormers takes deepep unless it is told otherwise."""


def token_dispatchers(capability: tuple[int, int] | None) -> list[str]:
    """Return how experts on several GPUs have to get their tokens; nothing if PaddleFormers' choice runs.

    `capability` is the lowest compute capability of the GPUs, None without GPUs.
    """
    return [ALL_TO_ALL] if capability is not None and capability < DEEPEP_CAPABILITY else []


def lowest_capability() -> tuple[int, int] | None:
    """Return the lowest compute capability of the visible GPUs, None if there is no GPU."""
    with quiet_imports():
        import paddle

    pairs = [paddle.device.cuda.get_device_capability(number) for number in range(visible_gpus())]
    return min(((int(major), int(minor)) for major, minor in pairs), default=None)
