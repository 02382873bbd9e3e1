"""Let one process look after the output folder that all nodes of a job share.

Upstream: the first process of each node renames the finished weight files (paddleformers/transformers/
    model_utils.py, lines 3972 to 3994) and removes old checkpoints (paddleformers/trainer/trainer.py, line
    4481). Two nodes rename the same files, and remove the newest checkpoint.
Patch: count all processes as those of one node where files are renamed, and let the first process of the job
    remove checkpoints. A folder that the nodes do not share is refused before the first step: each copy would
    hold a part of the weights.
Remove: when PaddleFormers has a setting that says that the nodes share the output folder.
"""

import os
from pathlib import Path
from typing import Any


def share_one_folder() -> str:
    """Check that the folder is shared, and rename and remove its files once."""
    from paddle import distributed
    from paddleformers.trainer import Trainer

    os.environ["PADDLE_LOCAL_SIZE"] = os.environ["PADDLE_TRAINERS_NUM"]  # the processes that share a folder
    train, delete_old_checkpoints = Trainer.train, Trainer._rotate_checkpoints

    def train_in_shared_folder(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not _all_processes_see(Path(self.args.output_dir)):
            raise RuntimeError(
                f"output_dir: '{self.args.output_dir}' is not the same folder on all nodes: "
                "put it on a file system that they share"
            )
        return train(self, *args, **kwargs)

    def rotate_checkpoints(self: Any, *args: Any, **kwargs: Any) -> None:
        if distributed.get_rank() == 0:
            delete_old_checkpoints(self, *args, **kwargs)

    Trainer.train, Trainer._rotate_checkpoints = train_in_shared_folder, rotate_checkpoints
    return "share_one_folder"


def _all_processes_see(folder: Path) -> bool:
    """Tell whether all processes write into one folder: each looks for the files of the others."""
    from paddle import distributed

    folder.mkdir(parents=True, exist_ok=True)
    mine = folder / f".process_{distributed.get_rank()}"
    mine.touch()
    distributed.barrier()
    counts: list[int] = []
    distributed.all_gather_object(counts, len(list(folder.glob(".process_*"))))
    mine.unlink()
    return min(counts) == int(distributed.get_world_size())
