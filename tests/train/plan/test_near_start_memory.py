"""The plan's bytes for the start and the Fisher information that penalties around the start keep."""

from typing import Any

import pytest

from models.lookup import published_configs
from tests.train.plan.test_micro_batch import VALUES
from train.plan.memory import FISHER, START_COPY, MemoryPlan, plan_memory

CONFIG = published_configs()["Qwen/Qwen3-VL-8B-Instruct"]
L2 = {"grounding_l2_to_start": 0.1}
EWC = {"grounding_ewc": {"fisher": "fisher.safetensors", "weight": 10.0}}


def plan_of(gpus: int = 1, **changes: Any) -> MemoryPlan:
    return plan_memory({**VALUES, **changes}, CONFIG, gpus)


def test_full_fine_tuning_keeps_the_start_of_all_weights_and_their_information() -> None:
    off, l2, ewc = plan_of(), plan_of(**L2), plan_of(**EWC)
    assert off.start_copy == off.fisher == l2.fisher == 0
    assert l2.start_copy == ewc.start_copy == ewc.fisher == off.weights
    assert l2.parts[START_COPY] == ewc.parts[FISHER] == off.weights
    assert ewc.total_bytes_per_gpu == off.total_bytes_per_gpu + 2 * off.weights
    assert not {START_COPY, FISHER} & off.parts.keys()


def test_sharding_and_tensor_parallelism_divide_both() -> None:
    one = plan_of(**EWC)
    sharded = plan_of(4, **EWC, sharding="stage1", sharding_parallel_size=4)
    assert (sharded.start_copy, sharded.fisher) == (one.start_copy // 4, one.fisher // 4)
    split = plan_of(2, **EWC, tensor_model_parallel_size=2)
    assert split.start_copy == split.fisher == split.weights < one.fisher


def test_frozen_parts_have_neither() -> None:
    frozen = plan_of(**EWC, freeze_config="freeze_vision")
    assert frozen.start_copy == frozen.fisher == frozen.trainable * 2


def test_an_adapter_keeps_the_information_of_the_adapted_weights_alone() -> None:
    lora = {"fine_tuning": "LoRA", "lora_rank": 8}
    l2, ewc = plan_of(**lora, **L2), plan_of(**lora, **EWC)
    assert l2.start_copy == l2.fisher == ewc.start_copy == 0
    embeddings = 2 * 151936 * 4096 * 2  # with the head: they are not adapted
    assert ewc.fisher == pytest.approx(ewc.weights - embeddings, rel=0.02)
    sharded = plan_of(4, **lora, **EWC, sharding="stage1", sharding_parallel_size=4)
    assert sharded.fisher == ewc.fisher


def test_settings_that_are_wrong_are_counted_as_off() -> None:
    assert plan_of(grounding_ewc={"weight": 1.0}).fisher == 0
