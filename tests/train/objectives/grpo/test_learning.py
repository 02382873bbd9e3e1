"""The batches of a training that learns from sampled answers, with a stand-in for the trainer."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from grounding.errors import UserError
from infer.engines.paddle.engine import PaddleEngine
from train.objectives.grpo.grpo_settings import GrpoSettings
from train.objectives.grpo.learning import Asking, GrpoTraining
from train.objectives.grpo.shared_rows import BATCH_KEY, collate

SETTINGS = GrpoSettings(group=2, prompts=2, max_new_tokens=48, kl=0.1, inner_epochs=2)

Start = Callable[..., GrpoTraining]


@pytest.fixture
def start(
    model: Any, engine: PaddleEngine, collator: Callable[..., Any], prepared_data: Path
) -> Callable[..., GrpoTraining]:
    """Begin a training of the tiny model, or of this one around it; a batch has two answers."""

    def begin(settings: GrpoSettings = SETTINGS, *, step: int = 0, trained: Any = None) -> GrpoTraining:
        trainer = SimpleNamespace(
            model=trained or model,
            model_wrapped=trained or model,
            args=SimpleNamespace(per_device_train_batch_size=2, gradient_accumulation_steps=1, seed=1),
            data_args=SimpleNamespace(max_seq_len=256),
            data_collator=collator(),
            state=SimpleNamespace(global_step=step),
            autocast_smart_context_manager=nullcontext,
            _prepare_inputs=lambda inputs: inputs,
        )
        return GrpoTraining(
            trainer,
            settings,
            [prepared_data / "train.jsonl"],
            lambda trainer, model, inputs: model(**inputs).loss,
            Asking(engine.encoder, nullcontext),
        )

    return begin


def disturb(model: Any) -> None:
    """Change the weights as a step does."""
    for parameter in model.parameters():
        if not parameter.stop_gradient:
            parameter.set_value(parameter * 1.02)


def learn(training: GrpoTraining, inputs: dict[str, Any]) -> dict[str, float]:
    """Compute the loss of a batch, and return what was measured."""
    batch = inputs[BATCH_KEY]
    training.loss(training.trainer.model, inputs)
    return dict(batch.measured)


def test_probabilities_are_those_of_sampling_through_all_epochs(start: Start, model: Any) -> None:
    training = start()
    assert training.steps == 4  # two batches, twice
    batches = islice(iter(training), 4)
    measured, old = [], []
    for inputs in batches:
        old.append(inputs[BATCH_KEY].old.numpy())
        measured.append(learn(training, inputs))
        disturb(model)
    assert measured[0]["clipped"] == 0
    assert measured[0]["kl"] == pytest.approx(0, abs=1e-9)
    assert all(each["clipped"] > 0 for each in measured[1:])
    assert all(each["kl"] > 1e-4 for each in measured[1:])
    for first, second in ((0, 2), (1, 3)):
        assert (old[first] == old[second]).all()


def test_one_step_an_update_needs_no_second_forward(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    training = start(GrpoSettings(group=2, prompts=1, max_new_tokens=48))
    monkeypatch.setattr(training, "_logprobs", None)  # calling it would fail
    (inputs,) = islice(iter(training), 1)
    assert inputs[BATCH_KEY].old is None
    assert learn(training, inputs) == {"clipped": 0.0}


@pytest.mark.parametrize("tuning", ["full", "LoRA"])
def test_the_distance_is_to_the_model_of_the_start(start: Start, model: Any, tuning: str) -> None:
    from paddleformers.cli.utils import get_lora_target_modules
    from paddleformers.peft import LoRAConfig, LoRAModel

    trained = None
    if tuning == "LoRA":
        config = LoRAConfig(target_modules=get_lora_target_modules(model), r=4, lora_alpha=8, dtype="float32")
        trained = LoRAModel(model, config)
        trained.mark_only_lora_as_trainable()
    training = start(GrpoSettings(group=2, prompts=1, max_new_tokens=48, kl=0.1), trained=trained)
    assert (training.copy is None) == (tuning == "LoRA")
    batches = iter(training)
    before = next(batches)[BATCH_KEY]
    for name, parameter in training.trainer.model.named_parameters():
        if not parameter.stop_gradient and (trained is None or "lora_B" in name):
            parameter.set_value(parameter + 0.05)
    again = training._batch(before.rollouts)
    np.testing.assert_allclose(again.start.numpy(), before.start.numpy(), atol=1e-6)
    inputs = training._logprobs(again, training.trainer.model, training.base.lm_head)
    assert np.abs(inputs.numpy() - before.start.numpy()).max() > 1e-3


def numbers(batches: Iterator[dict[str, Any]], count: int) -> list[list[int]]:
    return [inputs["input_ids"].flatten().tolist() for inputs in islice(batches, count)]


def test_a_training_that_resumes_goes_on_with_its_next_update(start: Start) -> None:
    settings = GrpoSettings(group=2, prompts=1, max_new_tokens=16)
    assert numbers(iter(start(settings, step=2)), 2) == numbers(iter(start(settings)), 4)[2:]
    with pytest.raises(
        UserError, match="step 6 lies within an update of 4 steps: set save_steps to a multiple"
    ):
        next(iter(start(step=6)))


def test_answers_without_a_token_teach_nothing(start: Start, engine: PaddleEngine) -> None:
    """Cut at their first token, which stood for a picture."""
    training = start(GrpoSettings(group=2, prompts=1, max_new_tokens=8, kl=0.1, truth=False))
    batch = next(iter(training))[BATCH_KEY]
    empty = training._batch([replace(each, token_ids=(), advantage=0.5) for each in batch.rollouts])
    inputs = collate(empty, training.trainer.data_collator)
    loss = training.loss(training.trainer.model, inputs)
    loss.backward()
    assert float(loss) == 0
    assert empty.measured == {"clipped": 0, "kl": 0}


def test_figures_are_means_since_the_last_line_of_the_log(start: Start) -> None:
    training = start(GrpoSettings(group=2, prompts=1, max_new_tokens=48))
    state = training.trainer.state
    for inputs in islice(iter(training), 2):
        learn(training, inputs)
        state.global_step += 1
        training.batch_is_learned(ends_step=True)
    taken = training.take_figures()
    assert {"grpo_reward", "grpo_failed", "grpo_clipped", "grpo_sampling_seconds"} <= taken.keys()
    assert taken["grpo_failed"] == 1.0
    assert taken["grpo_learning_seconds"] > 0
    assert training.take_figures() == {}
