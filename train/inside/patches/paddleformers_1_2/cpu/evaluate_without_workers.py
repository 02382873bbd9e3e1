"""Read the evaluation's data in the training process.

Upstream: Trainer.get_eval_dataloader (paddleformers/trainer/trainer.py, line 3156) forks new workers for each
    evaluation. A worker that is forked from a process that has computed with several threads waits for
    threads that it does not have, and the run hangs. The training's own workers are forked before the first
    step, and stay.
Patch: no workers for the evaluation.
Remove: when the evaluation's workers are kept, or started and not forked.
"""

from typing import Any


def evaluate_without_workers() -> str:
    """Make the evaluation's data loader without workers."""
    from paddleformers.trainer import Trainer

    make = Trainer.get_eval_dataloader

    def get_eval_dataloader(self: Any, *args: Any, **kwargs: Any) -> Any:
        workers, self.args.dataloader_num_workers = self.args.dataloader_num_workers, 0
        try:
            return make(self, *args, **kwargs)
        finally:
            self.args.dataloader_num_workers = workers

    Trainer.get_eval_dataloader = get_eval_dataloader
    return "evaluate_without_workers"
