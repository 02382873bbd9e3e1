"""The longest micro-batch of a run, against rows of sampled answers, and the parts of its memory plan."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.samples import Reading
from models.family import Prompt
from models.lookup import published_configs
from train.objectives.grpo.rollouts import Rollout
from train.objectives.grpo.shared_rows import shared_rows
from train.plan.memory import SAMPLING, START_COPY, plan_memory
from train.plan.micro_batch import micro_batch
from train.recipe import TrainRecipe

MODEL = "Qwen/Qwen3-VL-8B-Instruct"
VALUES: Mapping[str, Any] = {
    "model_name_or_path": MODEL,
    "stage": "VL-SFT",
    "fine_tuning": "full",
    "compute_type": "bf16",
    "fp16_opt_level": "O2",
    "max_seq_len": 2048,
    "per_device_train_batch_size": 8,
    "recompute_granularity": "full",
    "recompute_method": "uniform",
    "recompute_num_layers": 1,
}
LONGEST, ANSWER = 60, 20


def rollout(prompt: Prompt, length: int) -> Rollout:
    return Rollout(prompt, (7,) * length, Reading((), ()), (), 0.0)


@given(st.integers(1, 12), st.integers(2, 6), st.data())
def test_no_rows_of_sampled_answers_are_longer(size: int, group: int, data: st.DataObject) -> None:
    """Answers of groups one after the other, cut into micro-batches as they come."""
    answers: list[Rollout] = []
    for _ in range(size + 1):
        prompt = Prompt([1] * data.draw(st.integers(2, LONGEST - 2)), None, None)
        most = min(ANSWER + 1, LONGEST - len(prompt.token_ids))  # the end is one more than may be sampled
        answers += [rollout(prompt, data.draw(st.integers(1, most))) for _ in range(group)]
    settings = {"group": group, "max_new_tokens": ANSWER}
    recipe = {"max_seq_len": LONGEST, "per_device_train_batch_size": size, "grounding_grpo": settings}
    planned = micro_batch(TrainRecipe(recipe))
    for start in range(0, len(answers) - size, size):
        rows = shared_rows(answers[start : start + size])
        assert len(rows) <= planned.rows
        assert max(row.parts()[-1][1] for row in rows) <= planned.row_tokens


def test_records_are_rows_of_their_own() -> None:
    assert micro_batch(TrainRecipe(VALUES)).tokens == 8 * 2048


@pytest.mark.parametrize(("tuning", "kl", "copies"), [("full", 0.0, 0), ("full", 0.1, 1), ("LoRA", 0.1, 0)])
def test_sampling_and_the_copy_of_the_start_are_counted(tuning: str, kl: float, copies: int) -> None:
    config = published_configs()[MODEL]
    settings = {"group": 8, "prompts": 8, "max_new_tokens": 256, "kl": kl}
    values = {**VALUES, "fine_tuning": tuning, "lora_rank": 8, "grounding_grpo": settings}
    plan = plan_memory(values, config)
    assert plan.start_copy == copies * plan.parameters * 2
    assert plan.parts.get(START_COPY, 0) == plan.start_copy
    keys = 36 * 2 * 8 * 128 * 2  # layers, keys and values, heads, width, bytes
    logits = 4 * 151936 * 4
    assert plan.sampling == 64 * (2 * 2048 * keys + logits)
    # Nothing is learned meanwhile: only what is beyond the activations is added.
    assert plan.parts[SAMPLING] == plan.sampling - plan.activations - plan.peak > 0
    assert sum(plan.parts.values()) == plan.total_bytes_per_gpu
    some = plan_memory({**values, "grounding_grpo": {**settings, "at_once": 16}}, config)
    assert some.sampling * 4 == plan.sampling
    small = plan_memory({**values, "grounding_grpo": {**settings, "prompts": 1, "group": 2}}, config)
    assert small.parts[SAMPLING] == 0
    assert not replace(plan, gpu_memory=plan.total_bytes_per_gpu - 1).fits


def test_without_sampling_nothing_is_added() -> None:
    plan = plan_memory(VALUES, published_configs()[MODEL])
    assert (plan.start_copy, plan.sampling) == (0, 0)
    assert not {START_COPY, SAMPLING} & plan.parts.keys()
