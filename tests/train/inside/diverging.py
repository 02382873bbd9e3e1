"""PaddleFormers' own training, spoiled after three steps: `python diverging.py HOW train RECIPE ...`.

HOW is `weight`, or the number by which the losses are multiplied: `nan`, or 1 to spoil nothing.
"""

import sys
from typing import Any

from paddleformers.cli.train import tuner
from paddleformers.trainer import Trainer

SOUND_STEPS = 3


def spoil_losses(value: float) -> None:
    """Multiply the losses after the sound steps."""
    compute = Trainer.compute_loss

    def compute_loss(self: Any, *arguments: Any, **options: Any) -> Any:
        loss = compute(self, *arguments, **options)
        return loss if self.state.global_step < SOUND_STEPS else loss * value

    Trainer.compute_loss = compute_loss


def spoil_a_weight() -> None:
    """Put a NaN into a weight with the update after the sound steps: the loss does not show it on a CPU."""
    update = Trainer.optimizer_step

    def optimizer_step(self: Any, *arguments: Any, **options: Any) -> None:
        update(self, *arguments, **options)
        if self.state.global_step == SOUND_STEPS:
            named = dict(self.model.named_parameters())
            weight = next(value for name, value in named.items() if name.endswith("down_proj.weight"))
            content = weight.numpy()
            content[0, 0] = float("nan")
            weight.set_value(content)

    Trainer.optimizer_step = optimizer_step


if __name__ == "__main__":
    kind = sys.argv.pop(1)
    if kind == "weight":
        spoil_a_weight()
    else:
        spoil_losses(float(kind))
    tuner.run_tuner()
