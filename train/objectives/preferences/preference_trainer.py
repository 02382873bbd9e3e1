"""PaddleFormers' trainer of preferences, with the pictures: its DPOTrainer leaves them out."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from train.objectives.head_objective import objective
from train.objectives.preferences.answer_logps import AnswerLogps, answer_logps, compared_logps
from train.objectives.preferences.pair_batches import PIXEL_KEYS

MODEL_KEYS = (
    "input_ids",
    "position_ids",
    "attention_mask",
    "attn_mask_startend_row_indices",
    *PIXEL_KEYS,
)
"""The parts of a batch that the model reads."""


class _LearnsWithPictures:
    """What differs from PaddleFormers' DPOTrainer, of which the trainer's class is made, too."""

    args: Any
    model: Any
    dpo_config: Any
    dpo_criterion: Any
    log_metric: Any
    disable_lora: Any
    enable_lora: Any

    def __init__(self, model: Any, args: Any, train_dataset: Any = None, **options: Any) -> None:
        from paddleformers.cli.utils.mllm_utils import freeze_model_parameters

        if not options["dpo_config"].lora and args.freeze_config:
            freeze_model_parameters(model, args.freeze_config)
        processor = getattr(train_dataset, "processor", None)
        super().__init__(  # type: ignore[call-arg]  # DPOTrainer's
            model=model, args=args, train_dataset=train_dataset, processing_class=processor, **options
        )
        _forget_stage(self.model.config)

    def train(self, resume_from_checkpoint: Any = None, **options: Any) -> Any:
        given = self.args.resume_from_checkpoint
        return super().train(  # type: ignore[misc]  # DPOTrainer's
            resume_from_checkpoint=given or resume_from_checkpoint, **options
        )

    def _wrap_ref_model(self, model: Any) -> Any:
        # Each process has its part of the weights and reads the same batch: fleet has nothing to do.
        import paddle

        dtype = {"fp16": "float16", "bf16": "bfloat16"}.get(self.args.compute_type)
        if dtype is None:
            return model
        return paddle.amp.decorate(models=model, level=self.args.fp16_opt_level, dtype=dtype)

    def evaluate(self, *args: Any, **options: Any) -> Any:
        from paddleformers.trainer import Trainer

        # Not DPOTrainer's, which would wrap the model in training a second time.
        return Trainer.evaluate(self, *args, **options)

    def get_batch_metrics(
        self, ref_model: Any, model: Any, batch: dict[str, Any], train_eval: str = "train"
    ) -> Any:
        reference = self._reference(ref_model, model, batch)
        seen: list[Any] = []

        def loss_of(logps: Any) -> Any:
            seen.append(self._losses(answer_logps(logps, batch["response_indexs"]), reference, batch))
            return seen[-1][1] + seen[-1][2]

        with objective(head_of(model), loss_of):
            loss = model(**model_inputs(batch)).loss
        [(policy, dpo_loss, sft_loss)] = seen
        self.log_metric(
            reference_chosen_logps=reference.chosen,
            reference_rejected_logps=reference.rejected,
            policy_chosen_logps=policy.chosen,
            policy_rejected_logps=policy.rejected,
            dpo_loss=dpo_loss.detach(),
            sft_loss=sft_loss.detach(),
            train_eval=train_eval,
        )
        return loss

    def _losses(self, logps: AnswerLogps, reference: AnswerLogps, batch: Any) -> tuple[Any, Any, Any]:
        """Return what is compared, the loss of the preference, and that of the chosen answers' tokens."""
        from paddleformers.nn.criterion.dpo_loss import cal_dpo_loss

        places, settings = batch["response_indexs"], self.dpo_config
        policy = compared_logps(logps, places, settings)
        pairs = (policy.chosen, policy.rejected, reference.chosen, reference.rejected)
        tokens = (places[:, 2] - places[:, 1]).sum().astype("float32")
        sft_loss = -logps.chosen.sum() / tokens * settings.sft_loss_ratio
        return policy.detach(), cal_dpo_loss(self.dpo_criterion, *pairs, None), sft_loss

    def _reference(self, ref_model: Any, model: Any, batch: dict[str, Any]) -> AnswerLogps:
        """Return the log-probabilities under the model at the start of the training."""
        import paddle

        places = batch["response_indexs"]
        if self.dpo_config.reference_free:
            return AnswerLogps(paddle.zeros([places.shape[0]]), paddle.zeros([places.shape[0]]))
        if not self.dpo_config.lora:
            logps = logps_of(ref_model, batch)
        else:
            with self._without_adapter(model):
                logps = logps_of(model, batch)
        return compared_logps(logps, places, self.dpo_config)

    @contextmanager
    def _without_adapter(self, model: Any) -> Iterator[None]:
        was_training = model.training
        self.disable_lora(model)
        model.eval()
        try:
            yield
        finally:
            self.enable_lora(model)
            if was_training:
                model.train()


@cache
def preference_trainer() -> Any:
    """Return the class of the trainer."""
    from paddleformers.cli.train.dpo.dpo_trainer import DPOTrainer

    return type("PreferenceTrainer", (_LearnsWithPictures, DPOTrainer), {})


def _forget_stage(config: Any) -> None:
    """Take the settings of preferences out of a configuration: it is saved with the weights.

    A model that is loaded with them computes this loss in the stage VL-SFT, too.
    """
    for part in (config, config.text_config):
        part.__dict__.pop("dpo_config", None)


def model_inputs(batch: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords with which a model computes the loss of a batch's answers."""
    return {name: batch[name] for name in MODEL_KEYS if name in batch} | {"labels": batch["response_labels"]}


def logps_of(model: Any, batch: dict[str, Any]) -> AnswerLogps:
    """Return the log-probabilities of a batch's answers under a model, without gradients."""
    import paddle

    seen: list[AnswerLogps] = []

    def loss_of(logps: Any) -> Any:
        seen.append(answer_logps(logps, batch["response_indexs"]))
        return logps.sum()

    with paddle.no_grad(), objective(head_of(model), loss_of):
        model(**model_inputs(batch))
    return seen[0]


def head_of(model: Any) -> Any:
    """Return the layer that makes logits of a model, whatever is wrapped around the model."""
    from paddleformers.nn.lm_head import LMHead

    return next(layer for layer in model.sublayers(include_self=True) if isinstance(layer, LMHead))
