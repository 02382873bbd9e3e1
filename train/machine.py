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
