"""What a training process without paddlefleet imports (train/inside/plain_process.py)."""

from models.libraries import hide_paddlefleet

hide_paddlefleet()
import paddleformers.cli.launcher  # noqa: E402, F401
