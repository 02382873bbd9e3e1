"""The plan's bytes for the loss of coordinates."""

from models.lookup import published_configs
from tests.train.plan.test_micro_batch import VALUES as LARGE_BATCH
from train.plan.coordinate_memory import count_coordinates
from train.plan.memory import plan_memory
from train.recipe import TrainRecipe

MODEL = "Qwen/Qwen3-VL-8B-Instruct"
TOKENS, WIDTH, VOCABULARY = 2048, 4096, 151936
VALUES = {**LARGE_BATCH, "per_device_train_batch_size": 1}
"""Few tokens: the loss needs more than a layer that is recomputed, which larger batches need besides."""
ON = {"grounding_coordinate_loss": 0.1}


def test_hidden_states_and_a_second_gradient_of_the_head_are_counted() -> None:
    config = published_configs()[MODEL]
    off, on = (plan_memory({**VALUES, **more}, config) for more in ({}, ON))
    assert on.peak - off.peak == TOKENS * WIDTH * (2 + 4 + 4) + VOCABULARY * WIDTH * 2
    assert on.total_bytes_per_gpu - off.total_bytes_per_gpu == on.peak - off.peak


def test_a_head_that_is_not_trained_has_no_gradient() -> None:
    lora = TrainRecipe({**VALUES, **ON, "fine_tuning": "LoRA", "lora_rank": 8})
    assert count_coordinates(lora, published_configs()[MODEL], 0) == TOKENS * WIDTH * (2 + 4 + 4)


def test_tensor_parallelism_halves_the_heads_gradient() -> None:
    config = published_configs()[MODEL]
    parts = {"tensor_model_parallel_size": 2}
    off, on = (plan_memory({**VALUES, **parts, **more}, config, 2) for more in ({}, ON))
    assert on.peak - off.peak == TOKENS * WIDTH * 10 + VOCABULARY * WIDTH


def test_nothing_is_counted_where_it_is_off() -> None:
    for off in ({}, {"grounding_coordinate_loss": 0.0}):
        assert count_coordinates(TrainRecipe({**VALUES, **off}), published_configs()[MODEL], 7) == 0
