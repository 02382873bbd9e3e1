"""Divide the loss of a resumed run by the steps that it is the sum of.

Upstream: Trainer (paddleformers/trainer/trainer.py, lines 2180 and 2607) sums the loss from the resume on,
    and divides it by all steps: train_loss in train_results.json and all_results.json is too small.
Patch: divide by the steps since the resume, and say in the log which steps these are.
Remove: when PaddleFormers saves the sum with a checkpoint, or divides by the steps of this start.
"""

from typing import Any

LOSS = "train_loss"


def average_loss_since_resume() -> str:
    """Mend the mean loss that a trainer logs and saves at its end."""
    from paddleformers.trainer import Trainer
    from paddleformers.trainer.trainer_callback import CallbackHandler
    from paddleformers.utils.log import logger

    begin, log_metrics = CallbackHandler.on_train_begin, Trainer.log
    done_before = [0]

    def on_train_begin(self: Any, args: Any, state: Any, control: Any) -> Any:
        done_before[0] = state.global_step
        return begin(self, args, state, control)

    def log(self: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if LOSS in logs and (first := done_before[0]):
            step, counted = self.state.global_step, self.state.global_step - self._skip_global_steps
            logs[LOSS] = mean_since_resume(logs[LOSS], counted, first)
            logger.info(f"{LOSS}: the mean of steps {first + 1} to {step}, those since the resume")
        log_metrics(self, logs, **kwargs)

    CallbackHandler.on_train_begin, Trainer.log = on_train_begin, log
    return "average_loss_since_resume"


def mean_since_resume(mean: float, steps: int, done_before: int) -> float:
    """Return the mean over the steps since a resume, from the same sum divided by all `steps`."""
    since = steps - done_before
    return mean * steps / since if since > 0 else 0.0
