"""The plan's line for the loss: what the loss really takes, and less than a 16th of what it took."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.lookup import find_family, published_configs
from train.inside import blockwise_cross_entropy
from train.inside.blockwise_cross_entropy import BLOCK_LOGITS, BLOCK_ROWS, mean_cross_entropy
from train.plan import loss as loss_module
from train.plan.gpu_layout import spread_over_gpus
from train.plan.loss import LossMemory, count_loss
from train.plan.memory import GIB, plan_memory, weight_bytes
from train.plan.trainable import trained_tensors
from train.recipe import TrainRecipe, uses_fleet

FOLDER = Path(__file__).resolve().parents[3] / "recipes" / "train"
RECIPES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("qwen3_vl_*.yaml"))}
FULL, LORA = RECIPES["qwen3_vl_8b_full"], RECIPES["qwen3_vl_8b_lora"]
SMALL, LARGE = "Qwen/Qwen3-VL-2B-Instruct", "Qwen/Qwen3-VL-8B-Instruct"
TOKENS, WIDTH, VOCABULARY = 8192, 4096, 151936


def loss_of(
    values: Mapping[str, Any], model: str = LARGE, gpus: int | None = None, **changes: Any
) -> LossMemory:
    recipe, config = TrainRecipe({**values, **changes}), published_configs()[model]
    tensors = find_family(config).tensors(config)
    trained = trained_tensors(recipe, config, tensors)
    return count_loss(recipe, config, spread_over_gpus(recipe, gpus), tensors, trained, weight_bytes(recipe))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_plain_classes_has_a_loss_under_a_gib_and_a_half(name: str) -> None:
    values = RECIPES[name]
    model = values["model_name_or_path"]
    if model.startswith("checkpoints/"):  # that of an earlier recipe, of the size in its name
        model = f"Qwen/Qwen3-VL-{name.split('_')[2].upper()}-Instruct"
    if uses_fleet(values):  # PaddleFormers' own loss: recipes/README.md says what it needs
        assert 4 * GIB < loss_of(values, model).peak < 17 * GIB
        return
    assert loss_of(values, model).peak < 1.5 * GIB
    assert plan_memory(values, published_configs()[model]).peak < 1.5 * GIB


def test_a_frozen_head_needs_hidden_states_their_gradient_and_a_block() -> None:
    found = loss_of(LORA)
    assert found.waiting == 0
    assert found.peak == TOKENS * WIDTH * (2 + 4) + BLOCK_LOGITS * (2 + 4)
    halves = loss_of(LORA, gpus=2, tensor_model_parallel_size=2)
    assert halves.peak == found.peak  # a block has as many logits, and more of the tokens' own vocabulary


def test_a_trained_heads_gradient_is_counted_where_it_stays() -> None:
    frozen, trained = loss_of(FULL, gpus=1, freeze_config="freeze_llm"), loss_of(FULL, gpus=1)
    assert trained.peak - frozen.peak == VOCABULARY * WIDTH * 2
    assert trained.waiting == frozen.waiting == 0
    tied = loss_of(FULL, SMALL, gpus=1)
    assert tied.waiting == VOCABULARY * 2048 * 2
    assert tied.peak == loss_of(FULL, SMALL, gpus=1, freeze_config="freeze_llm").peak
    config = published_configs()[SMALL]
    plan = plan_memory({**FULL, "sharding": ""}, config, 1)
    assert plan.gradients == 4 * plan.trainable + tied.waiting


def test_few_tokens_have_small_blocks() -> None:
    short = loss_of(LORA, max_seq_len=16)
    assert short.peak == 16 * WIDTH * 6 + 16 * BLOCK_ROWS * 6


def test_paddlefleets_classes_keep_all_logits() -> None:
    fleet = {"grounding_backend": "fleet"}
    assert loss_of(LORA, **fleet).peak == TOKENS * VOCABULARY * 14
    halves = loss_of(LORA, gpus=2, tensor_model_parallel_size=2, **fleet)
    assert halves.peak == TOKENS * VOCABULARY * 7
    whole = loss_of(LORA, gpus=2, tensor_model_parallel_size=2, tensor_parallel_output=False, **fleet)
    assert whole.peak == TOKENS * VOCABULARY * 14


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("tokens", [1024, 256])
def test_the_plan_is_what_the_allocator_counts(
    monkeypatch: pytest.MonkeyPatch, tokens: int, frozen: bool
) -> None:
    """The real layer in float32, measured on a CPU, where logits have no copy in 16 bits."""
    import paddle
    from paddle.base import core

    vocabulary, width, block = 4096, 64, 2**18
    for module in (blockwise_cross_entropy, loss_module):
        monkeypatch.setattr(module, "block_rows", lambda count: block // count)
    shape = find_family(published_configs()[LARGE]).text_shape(published_configs()[LARGE])
    changed = type(shape)(**{**vars(shape), "hidden_size": width, "vocab_size": vocabulary})
    monkeypatch.setattr(type(find_family(published_configs()[LARGE])), "text_shape", lambda *_: changed)
    values = {"compute_type": "float32", "fp16_opt_level": "O1", "max_seq_len": tokens}
    planned = loss_of({**(LORA if frozen else FULL), **values}, gpus=1).peak

    states, weight = paddle.ones([tokens, width]), paddle.ones([vocabulary, width])
    states.stop_gradient, weight.stop_gradient = False, frozen
    labels = paddle.arange(tokens) % vocabulary
    hidden = states * 1.0
    before = core.host_memory_stat_current_value("Allocated", 0)
    core.host_memory_stat_reset_peak_value("Allocated", 0)
    mean_cross_entropy(hidden, weight, labels, -100).backward()
    measured = core.host_memory_stat_peak_value("Allocated", 0) - before
    assert 0.9 * planned < measured < 1.1 * planned, measured / planned
