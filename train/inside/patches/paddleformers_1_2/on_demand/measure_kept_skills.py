"""Measure what the model in training has kept of old skills, beside the curves of what it learns.

Upstream: Trainer.evaluate (paddleformers/trainer/trainer.py) measures the loss of one data set alone.
    SFTTrainer has no setting that adds a callback.
Patch: add a callback to every trainer. It lets the base answer before the first step, and measures
    (train/inside/keep_meter.py) then, at every evaluation, and after the last step.
Remove: when a recipe can name callbacks.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from train.keep.keep_settings import KeepEntry

if TYPE_CHECKING:
    from train.inside.keep_meter import KeepMeter


def measure_kept_skills(entries: Sequence[KeepEntry]) -> str:
    """Let every trainer that is made from now on measure these sets."""
    from paddleformers.cli.train.sft.sft_trainer import SFTTrainer

    from train.inside.keep_meter import KeepMeter

    build = SFTTrainer.__init__

    def build_with_meter(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.add_callback(_callback(KeepMeter(self, entries)))

    SFTTrainer.__init__ = build_with_meter
    return "measure_kept_skills"


def _callback(meter: "KeepMeter") -> Any:
    from paddleformers.trainer import TrainerCallback

    class Callback(TrainerCallback):  # type: ignore[misc]  # paddleformers has no types
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            # Not when the training begins: its data workers must be forked before the model computes
            # (cpu/evaluate_without_workers.py).
            del args, control, kwargs
            if meter.base is None:
                meter.begin(state.global_step)
                if state.global_step == 0:
                    meter.draw(0)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, kwargs
            control.should_evaluate = control.should_evaluate or state.global_step >= state.max_steps

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control, kwargs
            meter.draw(state.global_step)

    return Callback()
