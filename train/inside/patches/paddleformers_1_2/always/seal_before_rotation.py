"""Keep the older checkpoint until the new one is complete.

Upstream: Trainer._save_checkpoint (paddleformers/trainer/trainer.py, lines 4481 to 4484) removes the older
    checkpoint when the first process has written its own part. A kill or a full disk at this moment leaves no
    complete checkpoint.
Patch: wait for all processes, write the checkpoint's seal (train/checkpoints.py), then remove the older ones.
Remove: when PaddleFormers marks complete checkpoints and removes older ones after that.
"""

from pathlib import Path
from typing import Any

from train.checkpoints import seal


def seal_before_rotation() -> str:
    """Save, wait, seal, and only then remove older checkpoints."""
    import paddle
    from paddleformers.trainer import Trainer

    save, rotate = Trainer._save_checkpoint, Trainer._rotate_checkpoints

    def save_checkpoint(self: Any, *args: Any, **kwargs: Any) -> None:
        Trainer._rotate_checkpoints = lambda *_, **__: None
        try:
            save(self, *args, **kwargs)
        finally:
            Trainer._rotate_checkpoints = rotate
        if paddle.distributed.get_world_size() > 1:
            paddle.distributed.barrier()
        checkpoint = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        if self.args.local_rank in (0, -1) and checkpoint.is_dir():
            seal(checkpoint)
            rotate(self, use_mtime=True, output_dir=self.args.output_dir)

    Trainer._save_checkpoint = save_checkpoint
    return "seal_before_rotation"
