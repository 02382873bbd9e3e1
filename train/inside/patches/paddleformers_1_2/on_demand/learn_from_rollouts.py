"""Learn from the model's own answers and their rewards, in place of the records' answers.

Upstream: PaddleFormers 1.2.0 has no reinforcement learning. Its trainer takes batches from a data loader
    (paddleformers/trainer/trainer.py, line 3013), whose workers cannot ask the model.
Patch: the trainer's batches are sampled answers (train/objectives/grpo/), made in its own process by its
    own collator; their loss is the clipped objective. Evaluation stays as it is. Figures are logged
    beside the loss. The order of questions needs no memory, so that a resumed run skips no batches.
Remove: when PaddleFormers has a GRPO trainer that takes pictures.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train.inside.inference_mode import bare_model, inference_mode
from train.objectives.grpo.grpo_settings import GrpoSettings

if TYPE_CHECKING:
    from train.objectives.grpo.learning import GrpoTraining


def learn_from_rollouts(settings: GrpoSettings, files: Sequence[Path]) -> str:
    """Let every trainer that is made from now on learn from answers to the questions of these files."""
    from paddleformers.cli.train.sft.sft_trainer import SFTTrainer

    from train.inside.asked_dataset import encoder_of
    from train.objectives.grpo.learning import Asking, GrpoTraining

    build, compute_loss, log = SFTTrainer.__init__, SFTTrainer.compute_loss, SFTTrainer.log

    def build_with_rollouts(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.args.ignore_data_skip = True
        asking = Asking(encoder_of(self), partial(_answering, self))
        self.grounding_grpo = GrpoTraining(self, settings, files, compute_loss, asking)
        self.add_callback(_watch(self.grounding_grpo))

    def get_train_dataloader(self: Any, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        return self.grounding_grpo

    def loss_of(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return self.grounding_grpo.loss(model, inputs, *args, **kwargs)

    def log_with_figures(self: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "loss" in logs:
            logs |= self.grounding_grpo.take_figures()
        log(self, logs, **kwargs)

    SFTTrainer.__init__, SFTTrainer.compute_loss = build_with_rollouts, loss_of
    SFTTrainer.get_train_dataloader, SFTTrainer.log = get_train_dataloader, log_with_figures
    return "learn_from_rollouts"


def _watch(grpo: "GrpoTraining") -> Any:
    from paddleformers.trainer import TrainerCallback

    class Callback(TrainerCallback):  # type: ignore[misc]  # paddleformers has no types
        def on_substep_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, control, kwargs
            grpo.batch_is_learned(ends_step=False)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, control, kwargs
            grpo.batch_is_learned(ends_step=True)

    return Callback()


@contextmanager
def _answering(trainer: Any) -> Iterator[None]:
    """Put the model of a trainer into the state in which it answers."""
    with inference_mode(bare_model(trainer.model)), trainer.autocast_smart_context_manager():
        yield
