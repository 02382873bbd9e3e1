"""What a training process without paddlefleet imports (train/inside/plain_process.py)."""

from models.libraries import hide_paddlefleet

hide_paddlefleet()
import paddle.distributed.parallel  # noqa: E402
import paddleformers.cli.launcher  # noqa: E402, F401

paddle.distributed.parallel._global_parallel_env = None  # made while importing; each fork has its own number
