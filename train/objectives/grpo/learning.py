"""A trainer of PaddleFormers that samples answers, and learns from them."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from infer.engines.paddle.engine import PaddleEngine
from models.family import Encoder
from train.objectives.grpo.grpo_settings import GrpoSettings
from train.objectives.grpo.learned_batch import LearnedBatch, that_teach
from train.objectives.grpo.rewarded_questions import QuestionOrder, read_rewarded
from train.objectives.grpo.rollout_figures import figures_of, mean
from train.objectives.grpo.rollouts import Sampler
from train.objectives.grpo.shared_rows import BATCH_KEY, collate
from train.objectives.grpo.update_steps import steps_of_update
from train.objectives.head_objective import objective

PREFIX = "grpo_"
"""Before the names of the curves."""

ComputeLoss = Callable[..., Any]


@dataclass(frozen=True)
class Asking:
    """How the model in training is asked: its encoder, and the state in which it answers."""

    encoder: Encoder
    context: Callable[[], AbstractContextManager[None]]


class GrpoTraining:
    """The batches of a trainer in place of its data loader's, their loss, and the curves.

    `compute_loss` is the trainer's own method: it computes the loss of a batch of records.
    """

    def __init__(
        self,
        trainer: Any,
        settings: GrpoSettings,
        files: Sequence[Path],
        compute_loss: ComputeLoss,
        asking: Asking,
    ) -> None:
        """Read the questions.

        Raises:
            UserError: not a prepared data set, or sizes that do not fit each other.
        """
        from paddleformers.peft import LoRAModel

        self.trainer, self.settings, self.compute_loss = trainer, settings, compute_loss
        is_lora = isinstance(trainer.model, LoRAModel)
        self.base = trainer.model.model if is_lora else trainer.model
        # A trainer is made with the weights of the start; a resume loads those of the checkpoint later.
        self.copy = None if is_lora or not settings.kl else frozen_copy(self.base)
        arguments = trainer.args
        self.size = arguments.per_device_train_batch_size
        self.steps = steps_of_update(settings, self.size, arguments.gradient_accumulation_steps)
        engine = PaddleEngine.from_model(
            self.base, asking.encoder, max_new_tokens=settings.max_new_tokens, repeat_stop=False
        )
        engine.decoding = replace(
            engine.decoding,
            temperature=settings.temperature,
            top_p=settings.top_p,
            with_entropies=True,
            rows=settings.at_once or None,
        )
        questions = read_rewarded(files, settings)
        order = QuestionOrder(
            len(questions),
            arguments.seed,
            getattr(arguments, "dataset_rank", 0),
            max(1, getattr(arguments, "dataset_world_size", 1)),
        )
        longest = trainer.data_args.max_seq_len
        self.sampler = Sampler(engine, questions, order, settings, longest, asking.context)
        self.figures: dict[str, list[float]] = defaultdict(list)
        self.handed_over = self.learning_seconds = 0.0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the trainer's batches without an end, from the step that it has reached."""
        update, rest = divmod(self.trainer.state.global_step, self.steps)
        if rest:
            raise UserError(
                f"the checkpoint of step {self.trainer.state.global_step} lies within an update of "
                f"{self.steps} steps: set save_steps to a multiple of {self.steps}"
            )
        while True:
            collected = self.sampler.collect(update)
            for name, value in figures_of(collected).items():
                self.figures[name].append(value)
            batches = [
                self._batch(collected.rollouts[start : start + self.size])
                for start in range(0, len(collected.rollouts), self.size)
            ]
            self.learning_seconds = 0.0
            for _ in range(self.settings.inner_epochs):
                for batch in batches:
                    self.handed_over = time.monotonic()
                    yield collate(batch, self.trainer.data_collator)
            update += 1

    def batch_is_learned(self, *, ends_step: bool) -> None:
        """Count the time since a batch was made; `ends_step` says that the weights have changed."""
        self.learning_seconds += time.monotonic() - self.handed_over
        if ends_step and self.trainer.state.global_step % self.steps == 0:
            self.figures["learning_seconds"].append(self.learning_seconds)

    def _batch(self, rollouts: Sequence[Any]) -> LearnedBatch:
        """Make a batch, with the log-probabilities of now if they will have changed when it is learned."""
        learned = rollouts if self.settings.kl else that_teach(rollouts)
        batch = LearnedBatch(learned, len(rollouts))
        if self.steps > 1:
            batch.old = self._logprobs(batch, self.trainer.model_wrapped, self.base.lm_head)
        if self.settings.kl:
            batch.start = self._start_logprobs(batch)
        return batch

    def _logprobs(self, batch: LearnedBatch, model: Any, head: Any) -> Any:
        """Return the log-probabilities of the answers' tokens, (tokens,), without a gradient."""
        import paddle

        seen: list[Any] = []

        def keep(logprobs: Any) -> Any:
            seen.append(logprobs)
            return logprobs.sum()

        inputs = self.trainer._prepare_inputs(collate(batch, self.trainer.data_collator))
        del inputs[BATCH_KEY]
        context = self.trainer.autocast_smart_context_manager()
        with paddle.no_grad(), context, objective(head, keep, self.settings.temperature):
            self.compute_loss(self.trainer, model, inputs)
        return seen[0]

    def _start_logprobs(self, batch: LearnedBatch) -> Any:
        """Return the log-probabilities under the model that the run began with."""
        if self.copy is not None:
            return self._logprobs(batch, self.copy, self.copy.lm_head)
        with _without_adapter(self.trainer.model):
            return self._logprobs(batch, self.trainer.model_wrapped, self.base.lm_head)

    def loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the loss of a batch: of sampled answers, or of records at an evaluation."""
        batch = inputs.pop(BATCH_KEY, None)
        if batch is None:
            return self.compute_loss(self.trainer, model, inputs, *args, **kwargs)
        settings = self.settings
        loss_of = partial(batch.loss, settings=settings)
        with objective(self.base.lm_head, loss_of, settings.temperature):
            loss = self.compute_loss(self.trainer, model, inputs, *args, **kwargs)
        for name, value in batch.measured.items():
            self.figures[name].append(value)
        return loss

    def take_figures(self) -> dict[str, float]:
        """Return the mean of every figure since the last call, and forget them."""
        taken = {PREFIX + name: mean(values) for name, values in self.figures.items() if values}
        self.figures.clear()
        return taken


def frozen_copy(model: Any) -> Any:
    """Return a copy of a model that does not learn; it shares the groups of processes."""
    from paddle.distributed.communication.group import Group

    layers = model.sublayers(include_self=True)
    groups = (value for layer in layers for value in vars(layer).values() if isinstance(value, Group))
    copied = deepcopy(model, {id(group): group for group in groups})
    copied.eval()
    for parameter in copied.parameters():
        parameter.stop_gradient = True
    return copied


@contextmanager
def _without_adapter(model: Any) -> Iterator[None]:
    """Let a model with a LoRA adapter compute what it would without."""
    model.disable_lora()
    try:
        yield
    finally:
        model.enable_lora()
