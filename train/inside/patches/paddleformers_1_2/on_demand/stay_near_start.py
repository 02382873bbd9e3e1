"""Keep the trained weights near their start by a quadratic penalty.

Upstream: PaddleFormers 1.2.0 has weight decay, which pulls to 0, and no penalty around the start.
Patch: the gradients of the penalties (train/objectives/near_start/) are added to the loss's once a step, in
    Trainer.optimizer_step (paddleformers/trainer/trainer.py, line 1991): after gradients are accumulated and
    reduced and all callbacks of the step have run, before the norm is clipped. The start is copied when the
    trainer is built; a resumed run loads model_name_or_path before it loads the checkpoint, so that its start
    is the same. The loss and its curve stay the cross entropy; the penalties are curves of their own.
Remove: when PaddleFormers has such penalties.
"""

from pathlib import Path
from typing import Any

from train.inside.inference_mode import bare_model
from train.objectives.near_start.near_start_settings import NearStartSettings


def stay_near_start(settings: NearStartSettings, model: str) -> str:
    """Let every trainer that is made from now on add the gradients of the penalties.

    `model` is the folder or hub id of the start.
    """
    from paddleformers.cli.train.sft.sft_trainer import SFTTrainer

    from train.objectives.near_start.learned_parts import learned_parts
    from train.objectives.near_start.penalty_sums import PenaltySums

    build, step, log = SFTTrainer.__init__, SFTTrainer.optimizer_step, SFTTrainer.log

    def build_with_start(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.grounding_near_start = _penalty(self, settings, model)
        self.grounding_penalty_sums = PenaltySums()
        self.add_callback(_divide_start(self))

    def step_with_penalty(self: Any, *args: Any, **kwargs: Any) -> None:
        import paddle

        with paddle.no_grad():
            parts = learned_parts(self.optimizer)
            self.grounding_penalty_sums.add(self.grounding_near_start.add_gradients(parts))
        step(self, *args, **kwargs)

    def log_with_curves(self: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "loss" in logs:
            logs |= self.grounding_penalty_sums.take(*_groups(self.args))
        log(self, logs, **kwargs)

    SFTTrainer.__init__, SFTTrainer.optimizer_step = build_with_start, step_with_penalty
    SFTTrainer.log = log_with_curves
    return "stay_near_start"


def _penalty(trainer: Any, settings: NearStartSettings, model: str) -> Any:
    from paddleformers.peft import LoRAModel

    from models.hub_downloads import is_hub_id, named_folder
    from train.objectives.near_start.adapter_penalty import AdapterPenalty
    from train.objectives.near_start.fisher_file import check_fisher, load_fisher
    from train.objectives.near_start.weight_penalty import WeightPenalty

    fisher = None
    if settings.ewc is not None:
        check_fisher(settings.ewc.fisher, named_folder(model) if is_hub_id(model) else Path(model))
        fisher = load_fisher(bare_model(trainer.model), settings.ewc.fisher)
    if isinstance(trainer.model, LoRAModel):
        return AdapterPenalty(trainer.model, settings, fisher, _groups(trainer.args)[0])
    return WeightPenalty(trainer.model, settings, fisher)


def _groups(arguments: Any) -> tuple[Any, Any]:
    """Return the processes that share a model, and those that share its optimizer; None for one process."""
    from paddle.distributed import fleet

    splits, shards = arguments.tensor_model_parallel_size > 1, arguments.sharding_parallel_size > 1
    if not splits and not shards:
        return None, None
    groups = fleet.get_hybrid_communicate_group()
    return (
        groups.get_model_parallel_group() if splits else None,
        groups.get_sharding_parallel_group() if shards else None,
    )


def _divide_start(trainer: Any) -> Any:
    from paddleformers.trainer import TrainerCallback

    from train.objectives.near_start.learned_parts import learned_parts

    class Callback(TrainerCallback):  # type: ignore[misc]  # paddleformers has no types
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, control, kwargs
            trainer.grounding_near_start.keep_own(learned_parts(trainer.optimizer))

    return Callback()
