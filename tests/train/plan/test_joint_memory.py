"""The plan's bytes for a box head that is trained with the model."""

from models.lookup import published_configs
from tests.train.plan.test_micro_batch import VALUES as LARGE_BATCH
from train.plan.joint_memory import count_head
from train.plan.memory import BOX_HEAD, plan_memory
from train.recipe import TrainRecipe

MODEL = "Qwen/Qwen3-VL-8B-Instruct"
VALUES = {**LARGE_BATCH, "per_device_train_batch_size": 1}
TOKENS, WIDTH, HIDDEN = 2048, 4096, 128
INPUTS = 6 * WIDTH + 6
NUMBERS = 2 * INPUTS + (INPUTS + 1) * HIDDEN * 2 + (INPUTS + HIDDEN + 1) * 5
"""Mean and scale; the hidden layers of two parts; the linear maps and last layers of 4 + 1 numbers.

The biases of the hidden layers are counted beside their inputs."""


def test_weights_gradients_and_moments_are_counted_and_the_states_of_boxes() -> None:
    config = published_configs()[MODEL]
    off, on = (plan_memory({**VALUES, **more}, config) for more in ({}, {"grounding_box_head": True}))
    assert on.parts[BOX_HEAD] == 4 * 4 * NUMBERS
    assert BOX_HEAD not in off.parts
    assert on.peak - off.peak == 5 * 4 * (TOKENS // 13) * 6 * WIDTH
    assert on.total_bytes_per_gpu - off.total_bytes_per_gpu == on.parts[BOX_HEAD] + on.peak - off.peak


def test_a_gradient_of_the_models_states_is_counted_where_there_is_one() -> None:
    config = published_configs()[MODEL]
    stopped, flowing = (
        count_head(
            TrainRecipe(
                {**VALUES, "grounding_box_head": {"into_model": flows, "apart": False, "answers": 0.5}}
            ),
            config,
        )
        for flows in (False, True)
    )
    assert flowing[0] == stopped[0]
    assert flowing[1] - stopped[1] == 4 * TOKENS * WIDTH


def test_nothing_is_counted_where_it_is_off() -> None:
    for off in ({}, {"grounding_box_head": False}):
        assert count_head(TrainRecipe({**VALUES, **off}), published_configs()[MODEL]) == (0, 0)
