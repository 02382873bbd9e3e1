"""End a run when its loss or its weights are NaN or infinite.

Upstream: Trainer._check_loss_valid (paddleformers/trainer/trainer.py, line 2722) lets such a loss pass with
    fp16, and says neither the step nor what to do. Paddle's cross entropy on a CPU is the logarithm of the
    vocabulary's size for logits that are NaN, so that a model without one sound weight trains to the end.
Patch: check the loss before each update of the weights, and the weights before the first step and wherever a
    step is logged, evaluated or saved: a checkpoint of spoiled weights is never written. The log gets a line
    with the loss, in the form of the others.
Remove: when PaddleFormers checks weights, and Paddle's cross entropy passes NaN on.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from train.checkpoints import numbered_checkpoints, step_of, what_is_missing


def end_when_not_finite() -> str:
    """Raise FloatingPointError, with the step and what to do, before spoiled weights are saved."""
    from paddleformers.trainer import Trainer
    from paddleformers.trainer.trainer_callback import CallbackHandler
    from paddleformers.utils.log import logger

    begin, finish_step = CallbackHandler.on_train_begin, Trainer._maybe_log_save_evaluate

    def on_train_begin(self: Any, args: Any, state: Any, control: Any) -> Any:
        if found := spoiled_weights(self.model.named_parameters()):
            source = args.resume_from_checkpoint or "model_name_or_path"
            raise FloatingPointError(
                f"before step {state.global_step + 1}: {found}: the weights of {source} are damaged: "
                "download or copy them again, or take an earlier checkpoint"
            )
        return begin(self, args, state, control)

    def check_loss_valid(self: Any, loss: Any) -> None:
        value, step = float(loss.item()), self.state.global_step + 1
        if not math.isfinite(value):
            logger.info(f"loss: {value}, learning_rate: {self._get_learning_rate()}, global_step: {step}")
            raise FloatingPointError(f"step {step}: the loss is {value}: {what_to_do(self.args.output_dir)}")

    def maybe_log_save_evaluate(self: Any, tr_loss: Any, model: Any, *rest: Any, **options: Any) -> None:
        control, step = self.control, self.state.global_step
        uses_weights = control.should_save or control.should_save_hf or control.should_evaluate
        if control.should_log or uses_weights or control.should_training_stop:
            trained = ((name, value) for name, value in model.named_parameters() if not value.stop_gradient)
            if found := spoiled_weights(trained):
                raise FloatingPointError(f"step {step}: {found}: {what_to_do(self.args.output_dir)}")
        finish_step(self, tr_loss, model, *rest, **options)

    CallbackHandler.on_train_begin = on_train_begin
    Trainer._check_loss_valid = check_loss_valid
    Trainer._maybe_log_save_evaluate = maybe_log_save_evaluate
    return "end_when_not_finite"


def spoiled_weights(parameters: Iterable[tuple[str, Any]]) -> str | None:
    """Say which parameters hold NaN or infinite numbers; None if there are none."""
    import paddle

    named = [
        (name, value)
        for name, value in parameters
        if value._is_initialized() and value.size and value.is_floating_point()
    ]
    with paddle.no_grad():
        are_sound = [paddle.isfinite(value).all() for _, value in named]
        if not named or bool(paddle.stack(are_sound).all()):  # one answer from the GPU
            return None
    names = [name for (name, _), is_sound in zip(named, are_sound, strict=True) if not bool(is_sound)]
    more = f" and {len(names) - 1} more hold" if len(names) > 1 else " holds"
    return f"the parameter {names[0]}{more} NaN or infinite numbers"


def what_to_do(output_dir: str) -> str:
    """Say how to go on after a run that diverged."""
    whole = [path for path in numbered_checkpoints(Path(output_dir)) if what_is_missing(path) is None]
    resume = f", or with resume_from_checkpoint={max(whole, key=step_of)}" if whole else ""
    return (
        "nothing was saved of it, and the same keys end here again: train with a lower learning_rate, in "
        f"another output_dir{resume}"
    )
