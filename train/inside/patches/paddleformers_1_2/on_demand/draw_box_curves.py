"""Ask the model in training about validation images, for curves of box scores.

Upstream: Trainer.evaluate (paddleformers/trainer/trainer.py) measures the loss alone, which says little about
    boxes. SFTTrainer has no setting that adds a callback.
Patch: add a callback to every trainer. It draws a point of each curve (train/inside/box_curves.py) before the
    first step, at every evaluation, and after the last step. With `keep_best` the run ends with the weights
    of the evaluation with the highest F1 (train/inside/best_weights.py).
Remove: when a recipe can name callbacks.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from train.inside.best_weights import BestWeights
    from train.inside.box_curves import BoxCurves


def draw_box_curves(val_file: Path, samples: int, *, keep_best: bool = False) -> str:
    """Let every trainer that is made from now on ask the model about the first `samples` images."""
    from paddleformers.cli.train.sft.sft_trainer import SFTTrainer

    from train.inside.best_weights import BestWeights
    from train.inside.box_curves import BoxCurves

    build = SFTTrainer.__init__

    def build_with_curves(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        best = BestWeights(self) if keep_best else None
        self.add_callback(_callback(BoxCurves(self, val_file.parent, samples), best))

    SFTTrainer.__init__ = build_with_curves
    return "draw_box_curves"


def _callback(curves: "BoxCurves", best: "BestWeights | None") -> Any:
    from paddleformers.trainer import TrainerCallback
    from paddleformers.utils.log import logger

    from train.inside.box_curves import F1_CURVE

    def draw(step: int) -> None:
        values = curves.draw(step)
        if best is not None:
            best.offer(step, values.get(F1_CURVE))

    class Callback(TrainerCallback):  # type: ignore[misc]  # paddleformers has no types
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            # Not when the training begins: its data workers must be forked before the model computes
            # (cpu/evaluate_without_workers.py).
            del args, control, kwargs
            if state.global_step == 0:
                draw(0)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, kwargs
            control.should_evaluate = control.should_evaluate or state.global_step >= state.max_steps

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control, kwargs
            draw(state.global_step)

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control, kwargs
            if best is not None and (said := best.restore(state.global_step)):
                logger.info(said)

    return Callback()
