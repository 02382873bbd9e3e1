"""Train a box head together with the model.

Upstream: PaddleFormers 1.2.0 has no regression on hidden states. Its trainer has one optimizer and one model,
    whose parameters all go into its checkpoints (trainer/trainer.py, line 4258).
Patch: batches say where their answers have boxes (train/objectives/joint_head/), some of which are made wrong
    before the model reads them. In training the head's loss is added to that of the model's head; its own
    optimizer steps when the run's does. Its state lies in box_head/ of each checkpoint, written before the
    seal, and a resumed run takes it from there. Evaluation stays as it is. Losses are logged as box_head_*.
Remove: when PaddleFormers trains heads beside its models.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grounding.layout import BOX_HEAD_FOLDER
from train.inside.inference_mode import bare_model, random_states_kept
from train.inside.patches.paddleformers_1_2.shared.model_parallel_group import data_groups
from train.objectives.joint_head.joint_settings import JointSettings

if TYPE_CHECKING:
    from train.inside.joint_training import JointTraining


def learn_box_head(settings: JointSettings, files: Sequence[Path], seed: int) -> str:
    """Let every trainer that is made from now on train a head with its model; `files` have its records."""
    import paddle
    from paddleformers.cli.train.sft import workflow
    from paddleformers.cli.train.sft.sft_trainer import SFTTrainer
    from paddleformers.trainer import Trainer

    from train.inside.joint_training import JointTraining
    from train.objectives.head_objective import added_loss, states_kept
    from train.objectives.joint_head.box_batches import BOXES_KEY, LABELS_KEY, with_box_tables
    from train.objectives.joint_head.other_labels import labels_of_files

    build, compute_loss, log = SFTTrainer.__init__, SFTTrainer.compute_loss, SFTTrainer.log

    def build_with_head(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.grounding_joint = JointTraining(self, settings)
        self.add_callback(_callback(self.grounding_joint))

    def loss_of(self: Any, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        tables = inputs.pop(BOXES_KEY), inputs.pop(LABELS_KEY)
        if not model.training:
            return compute_loss(self, model, inputs, *args, **kwargs)
        wrong = dict(inputs)
        added = self.grounding_joint.prepare(wrong, *tables)
        head = bare_model(self.model).lm_head
        if settings.apart:
            with paddle.no_grad(), random_states_kept(), states_kept(head) as hidden:
                compute_loss(self, model, wrong)
            of_boxes = added(hidden[0], None, None)
            loss = compute_loss(self, model, inputs, *args, **kwargs) + of_boxes
        else:
            with added_loss(head, added):
                loss = compute_loss(self, model, wrong, *args, **kwargs)
        self.grounding_joint.expect_asked()
        return loss

    def log_with_curves(self: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "loss" in logs:
            logs |= self.grounding_joint.take_figures()
        log(self, logs, **kwargs)

    labels = labels_of_files(files, seed)
    workflow.mm_collate_fn = with_box_tables(workflow.mm_collate_fn, labels, seed)
    SFTTrainer.__init__, SFTTrainer.compute_loss, SFTTrainer.log = build_with_head, loss_of, log_with_curves
    Trainer._save_checkpoint = _with_head(Trainer._save_checkpoint)
    return "learn_box_head"


def _with_head(save: Callable[..., None]) -> Callable[..., None]:
    """Write the head's state into a checkpoint before all else of it."""

    def save_checkpoint(self: Any, *args: Any, **kwargs: Any) -> None:
        if joint := getattr(self, "grounding_joint", None):
            joint.save(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}" / BOX_HEAD_FOLDER)
        save(self, *args, **kwargs)

    return save_checkpoint


def _callback(joint: "JointTraining") -> Any:
    from paddleformers.trainer import TrainerCallback

    class Callback(TrainerCallback):  # type: ignore[misc]  # paddleformers has no types
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del control, kwargs
            if state.global_step:
                named = args.resume_from_checkpoint
                checkpoint = (
                    Path(named)
                    if isinstance(named, str)
                    else Path(args.output_dir) / f"checkpoint-{state.global_step}"
                )
                joint.load(checkpoint / BOX_HEAD_FOLDER)

        def on_optimizer_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, state, control, kwargs
            joint.step(data_groups())

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del state, control, kwargs
            joint.save(Path(args.output_dir) / BOX_HEAD_FOLDER)

    return Callback()
