"""Let train_loss of a resumed run be the mean over all of its steps, as that of an undisturbed run.

Upstream: Trainer (paddleformers/trainer/trainer.py, lines 2180 and 2607) sums the loss from the resume on,
    and divides it by all steps: train_loss in train_results.json and all_results.json is too small.
Patch: keep the sum in the log history of each checkpoint (trainer_state.bin), and add it after a resume.
    A checkpoint without it gives the mean since the resume, and the log says which steps these are.
Remove: when PaddleFormers saves the sum with a checkpoint.
"""

import math
from dataclasses import dataclass
from typing import Any

LOSS = "train_loss"
SUM, COUNT = "train_loss_sum", "train_loss_steps"
"""The keys of the entry in the log history."""


@dataclass(frozen=True)
class LossSum:
    """The sum of the losses of `count` steps."""

    total: float = 0.0
    count: int = 0


def average_loss_over_all_steps() -> str:
    """Mend the mean loss that a trainer logs and saves at its end."""
    from paddleformers.trainer import Trainer
    from paddleformers.trainer.trainer_callback import CallbackHandler
    from paddleformers.utils.log import logger

    begin, log_metrics = CallbackHandler.on_train_begin, Trainer.log
    log_or_save, save = Trainer._maybe_log_save_evaluate, Trainer._save_checkpoint
    first, before, now = [0], [LossSum()], [LossSum()]

    def on_train_begin(self: Any, args: Any, state: Any, control: Any) -> Any:
        first[0], before[0] = state.global_step, sum_of(state)
        return begin(self, args, state, control)

    def maybe_log_save_evaluate(self: Any, tr_loss: Any, *args: Any, **kwargs: Any) -> None:
        if self.control.should_save:
            # Every process comes here: the mean over them is a collective operation.
            running = self._get_item_from_loss(self._nested_gather(tr_loss).mean())
            now[0] = joined(before[0], LossSum(self._total_loss_scalar + running, counted(self)))
        log_or_save(self, tr_loss, *args, **kwargs)

    def save_checkpoint(self: Any, *args: Any, **kwargs: Any) -> None:
        keep_sum(self.state, now[0])  # not before: Trainer.log empties the history
        save(self, *args, **kwargs)

    def counted(trainer: Any) -> int:
        return int(trainer.state.global_step - first[0] - trainer._skip_global_steps)

    def log(self: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if LOSS in logs and first[0]:
            divided_by = self.state.global_step - self._skip_global_steps
            whole = joined(before[0], LossSum(logs[LOSS] * divided_by, counted(self)))
            logs[LOSS] = whole.total / whole.count if whole.count else 0.0
            if not before[0].count:
                steps = f"{first[0] + 1} to {self.state.global_step}"
                logger.info(
                    f"{LOSS}: the mean of steps {steps}, as the checkpoint has no sum of those before"
                )
        log_metrics(self, logs, **kwargs)

    CallbackHandler.on_train_begin, Trainer.log = on_train_begin, log
    Trainer._maybe_log_save_evaluate, Trainer._save_checkpoint = maybe_log_save_evaluate, save_checkpoint
    return "average_loss_over_all_steps"


def joined(one: LossSum, other: LossSum) -> LossSum:
    """Return the sum of the losses of both."""
    return LossSum(one.total + other.total, one.count + other.count)


def keep_sum(state: Any, losses: LossSum) -> None:
    """Put the sum of the losses into the log history of a trainer's state."""
    state.log_history = [{SUM: losses.total, COUNT: losses.count, "step": state.global_step}]


def sum_of(state: Any) -> LossSum:
    """Return the sum of the losses in a trainer's state; of no steps, where it has none that can be one."""
    history = state.log_history if isinstance(state.log_history, list) else []
    for entry in (entry for entry in history if isinstance(entry, dict)):
        total: Any = entry.get(SUM)
        count: Any = entry.get(COUNT)
        is_sum = isinstance(total, float) and math.isfinite(total) and isinstance(count, int)
        if is_sum and entry.get("step") == state.global_step and 0 < count <= state.global_step:
            return LossSum(total, count)
    return LossSum()
