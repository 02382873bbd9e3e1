import json
import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import UserError
from models import hub_downloads
from models.lookup import find_family, model_config, published_configs
from models.shapes import Tensor
from train.inside.patches.paddleformers_1_2.on_demand.adapt_attention_alone import adapt_attention_alone
from train.plan.__main__ import main
from train.plan.gpu_layout import GpuLayout, fewest_gpus, spread_over_gpus
from train.plan.memory import GIB, MemoryPlan, plan_memory
from train.plan.trainable import trained_tensors
from train.recipe import TrainRecipe, split_options

ROOT = Path(__file__).resolve().parents[3]
RECIPES = ROOT / "recipes" / "train"
LARGE = "Qwen/Qwen3-VL-8B-Instruct"
FULL = yaml.safe_load((RECIPES / "qwen3_vl_8b_full.yaml").read_text())
LORA = yaml.safe_load((RECIPES / "qwen3_vl_8b_lora.yaml").read_text())


def tensors(config: Mapping[str, Any]) -> list[Tensor]:
    return find_family(config).tensors(config)


@pytest.mark.parametrize("name", published_configs())
def test_the_published_models_have_the_published_number_of_parameters(name: str) -> None:
    config = published_configs()[name]
    counted = sum(tensor.size for tensor in tensors(config))
    assert counted == pytest.approx(config["published_parameters"], rel=0.01)
    assert counted == config["published_parameters"]  # to the last one


@pytest.fixture
def variants(tiny_model: Path, tmp_path: Path) -> dict[str, Path]:
    """Configs of the tiny model, and of one with the parts that it has not."""
    config = json.loads((tiny_model / "config.json").read_text())
    config["text_config"] |= {"tie_word_embeddings": False, "num_hidden_layers": 2}
    config["vision_config"] |= {"depth": 3, "deepstack_visual_indexes": [0, 1]}
    config["tie_word_embeddings"] = False
    (tmp_path / "untied").mkdir()
    (tmp_path / "untied" / "config.json").write_text(json.dumps(config))
    return {"tiny": tiny_model, "untied": tmp_path / "untied"}


def build(folder: Path) -> Any:
    from paddleformers.transformers import AutoConfig
    from paddleformers.transformers.qwen3_vl import modeling

    config = AutoConfig.from_pretrained(str(folder))
    for part in (config, config.text_config, config.vision_config):
        part._attn_implementation = "eager"
    return modeling.Qwen3VLForConditionalGenerationDeprecated(config)


def test_the_parameters_are_those_of_the_real_class(variants: dict[str, Path]) -> None:
    for folder in variants.values():
        real = {name: tuple(parameter.shape) for name, parameter in build(folder).named_parameters()}
        counted = {tensor.name: tensor.size for tensor in tensors(model_config(str(folder)))}
        assert counted == {name: size(shape) for name, shape in real.items()}


def size(shape: tuple[int, ...]) -> int:
    product = 1
    for side in shape:
        product *= side
    return product


EXPERTS = """
import json, sys
from models.qwen3_vl.plain_classes import plain_class
from train.keys import quiet_imports
from train.tiny.__main__ import main
with quiet_imports():
    assert main([sys.argv[1], "experts=4"]) == 0
    from paddleformers.cli.utils import get_lora_target_modules
    from paddleformers.peft import LoRAConfig, LoRAModel
    from paddleformers.transformers import AutoConfig
    config = AutoConfig.from_pretrained(sys.argv[1])
    for part in (config, config.text_config, config.vision_config):
        part._attn_implementation = "eager"
    model = plain_class(config.model_type)(config)
    sizes = {name: parameter.size for name, parameter in model.named_parameters()}
    targets = get_lora_target_modules(model)
    adapted = LoRAModel(model, LoRAConfig(target_modules=targets, r=4, lora_alpha=8, dtype="float32"))
    adapters = [parameter.size for parameter in adapted.parameters() if not parameter.stop_gradient]
sys.stdout.write(json.dumps({"sizes": sizes, "adapters": sorted(adapters)}))
"""


def test_experts_are_counted_as_the_real_class_has_them(tmp_path: Path) -> None:
    folder = tmp_path / "experts"
    done = subprocess.run(
        [sys.executable, "-c", EXPERTS, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    real = json.loads(done.stdout)
    config = model_config(str(folder))
    counted = tensors(config)
    assert {tensor.name: tensor.size for tensor in counted} == real["sizes"]
    lora = TrainRecipe({"fine_tuning": "LoRA", "lora_rank": 4})
    assert sorted(tensor.size for tensor in trained_tensors(lora, config, counted)) == real["adapters"]


@pytest.mark.parametrize("targets", ["all", "attention"])
@pytest.mark.parametrize("freeze", ["", "freeze_vision", "freeze_llm freeze_vision", "freeze_aligner"])
def test_what_is_trained_is_what_paddleformers_trains(
    variants: dict[str, Path], freeze: str, targets: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paddleformers.cli.train.dpo import workflow as preferences
    from paddleformers.cli.train.sft import workflow
    from paddleformers.cli.utils import (
        freeze_model_parameters,
        get_multimodel_lora_target_modules,
        llm_utils,
    )
    from paddleformers.peft import LoRAConfig, LoRAModel

    for module in (llm_utils, workflow, preferences):  # set back after the test
        monkeypatch.setattr(module, "get_lora_target_modules", module.get_lora_target_modules)

    folder = variants["untied"]
    config = model_config(str(folder))
    model = build(folder)
    freeze_model_parameters(model, freeze)
    wanted = {
        name: parameter.size for name, parameter in model.named_parameters() if not parameter.stop_gradient
    }
    full = TrainRecipe({"fine_tuning": "full", "freeze_config": freeze})
    assert {tensor.name: tensor.size for tensor in trained_tensors(full, config, tensors(config))} == wanted

    model = build(folder)
    if targets == "attention":
        assert adapt_attention_alone() == "adapt_attention_alone"
    chosen = get_multimodel_lora_target_modules(model, workflow.get_lora_target_modules(model), freeze)
    adapted = LoRAModel(model, LoRAConfig(target_modules=chosen, r=4, lora_alpha=8, dtype="float32"))
    learned = {name: each.size for name, each in adapted.named_parameters() if not each.stop_gradient}
    if targets == "attention":
        assert all("attn" in name for name in learned)
    real = list(learned.values())
    values = {"fine_tuning": "LoRA", "lora_rank": 4, "freeze_config": freeze}
    lora = TrainRecipe(values | ({} if targets == "all" else {"grounding_lora_targets": targets}))
    assert sorted(tensor.size for tensor in trained_tensors(lora, config, tensors(config))) == sorted(real)


def test_weights_gradients_and_states_of_a_full_run_add_up_to_zeros_18_bytes() -> None:
    """2 for the weight, 4 for a float32 gradient, 12 for the master weight and the moments."""
    result = plan_of(tensor_model_parallel_size=1, sharding="", gpus=1)
    parameters = published_configs()[LARGE]["published_parameters"]
    assert result.parameters == result.trainable == parameters
    assert (result.weights, result.gradients, result.optimizer) == tuple(
        parameters * each for each in (2, 4, 12)
    )
    halves = plan_of(tensor_model_parallel_size=1, sharding="", amp_master_grad=False, gpus=1)
    assert halves.gradients == 2 * parameters
    single = plan_of(tensor_model_parallel_size=1, compute_type="float32", fp16_opt_level="O1", gpus=1)
    assert (single.weights, single.optimizer) == (4 * parameters, 8 * parameters)


def test_each_stage_divides_what_zero_says() -> None:
    stages = {
        stage: plan_of(tensor_model_parallel_size=1, sharding=stage, sharding_parallel_size=8, gpus=8)
        for stage in ("stage1", "stage2", "stage3")
    }
    whole = plan_of(tensor_model_parallel_size=1, sharding="", sharding_parallel_size=1, gpus=1)
    divided = {
        stage: tuple(
            round(getattr(whole, part) / getattr(result, part))
            for part in ("optimizer", "gradients", "weights")
        )
        for stage, result in stages.items()
    }
    assert divided == {"stage1": (8, 1, 1), "stage2": (8, 8, 1), "stage3": (8, 8, 8)}


def plan_of(gpus: int = 8, values: Mapping[str, Any] = FULL, **changes: Any) -> MemoryPlan:
    return plan_memory({**values, **changes}, published_configs()[LARGE], gpus)


def test_activations_are_those_of_a_layer_written_out() -> None:
    """One layer more of a model without experts: 8 hidden + the rest, two bytes each, on every token."""
    config = json.loads(json.dumps(published_configs()[LARGE]))
    more = json.loads(json.dumps(config))
    more["text_config"]["num_hidden_layers"] += 1
    tokens, hidden, queries, keys, mlp = 8192, 4096, 4096, 1024, 12288
    values = {**FULL, "recompute_granularity": None}
    for tensor in (1, 4):
        changed = {**values, "tensor_model_parallel_size": tensor}
        layer = plan_memory(changed, more, 8).activations - plan_memory(changed, config, 8).activations
        split = (queries + 2 * keys) + (queries + keys) + (queries + keys) + queries + 3 * mlp
        assert layer == pytest.approx(2 * tokens * (4 * hidden + split / tensor), abs=8)
    kept = plan_memory(FULL, more, 8).activations - plan_memory(FULL, config, 8).activations
    assert kept == 2 * tokens * hidden


def test_pairs_need_a_second_model_in_a_full_run_alone() -> None:
    full, pairs = plan_of(), plan_of(stage="VL-DPO")
    assert pairs.start_copy == full.weights
    assert pairs.total_bytes_per_gpu == full.total_bytes_per_gpu + full.weights
    assert pairs.parts["frozen start"] == pairs.start_copy
    assert "frozen start" not in full.parts
    # Sharding divides the weights in training, and not the frozen copy.
    sharded = plan_of(stage="VL-DPO", sharding="stage3")
    assert sharded.weights < sharded.start_copy == pairs.start_copy
    split = plan_of(stage="VL-DPO", tensor_model_parallel_size=2, sharding_parallel_size=4)
    assert split.start_copy > pairs.start_copy
    assert plan_of(stage="VL-DPO", reference_free=True).start_copy == 0
    adapter = plan_memory({**LORA, "stage": "VL-DPO"}, published_configs()[LARGE], 1)
    assert adapter == plan_memory(LORA, published_configs()[LARGE], 1)


def test_an_adapter_needs_no_more_than_its_own_states() -> None:
    result = plan_of(1, LORA)
    assert result.optimizer == 12 * result.trainable
    assert result.weights == 2 * (result.parameters + result.trainable)
    assert result.trainable < result.parameters / 100


def test_a_plain_vision_block_is_whole_on_each_gpu(tiny_model: Path) -> None:
    from paddleformers.transformers import AutoConfig
    from paddleformers.transformers.qwen3_vl import modeling

    config = AutoConfig.from_pretrained(str(tiny_model)).vision_config
    config.tensor_model_parallel_size, config._attn_implementation = 2, "eager"
    held = sum(parameter.size for parameter in modeling.Qwen3VLVisionBlock(config).parameters())
    whole = tensors(json.loads((tiny_model / "config.json").read_text()))
    assert held == sum(tensor.size for tensor in whole if tensor.name.startswith("model.visual.blocks.0."))


@pytest.mark.parametrize("values", [FULL, LORA], ids=["full", "LoRA"])
def test_tensor_parallelism_splits_the_vision_tower_of_paddlefleet_alone(values: dict[str, Any]) -> None:
    split = {**values, "tensor_model_parallel_size": 4, "sharding_parallel_size": 1}
    plain, fleet = (plan_of(4, split, grounding_backend=word) for word in ("plain", "fleet"))
    weights = [tensor for tensor in tensors(model_config(LARGE)) if tensor.name.startswith("model.visual.")]
    matrices = sum(tensor.size for tensor in weights if tensor.split == "tensor")
    assert 0.5e9 < matrices < 0.7e9
    extra = plain.weights - fleet.weights
    assert 0 <= extra - 2 * matrices * 3 // 4 <= (0 if values is FULL else 2 * plain.trainable)
    assert plain.activations >= fleet.activations
    assert plain.optimizer > fleet.optimizer
    assert plain.trainable == fleet.trainable


def test_a_frozen_vision_tower_keeps_no_activations() -> None:
    assert plan_of(freeze_config="freeze_vision").activations < plan_of().activations
    assert plan_of(freeze_config="freeze_vision").trainable < plan_of().trainable


def test_experts_are_divided_by_expert_parallelism() -> None:
    config = published_configs()["Qwen/Qwen3-VL-30B-A3B-Instruct"]
    values = {**FULL, "tensor_model_parallel_size": 1, "sharding_parallel_size": 8}
    alone = plan_memory(values, config, 8)
    spread = plan_memory({**values, "expert_model_parallel_size": 8, "use_expert_parallel": True}, config, 8)
    experts = sum(tensor.size for tensor in tensors(config) if tensor.split == "expert")
    assert alone.weights - spread.weights == 2 * experts * 7 / 8
    assert spread.optimizer == pytest.approx(alone.optimizer, rel=1e-6)
    assert experts > 0.9 * alone.parameters


DEGREES = st.sampled_from([1, 2, 4, 8])


@settings(max_examples=25, deadline=None)
@given(tensor=DEGREES, sharding=DEGREES, data=st.integers(1, 4), stage=st.sampled_from(["stage1", "stage3"]))
def test_more_of_any_degree_never_needs_more(tensor: int, sharding: int, data: int, stage: str) -> None:
    def total(tensor: int, sharding: int) -> int:
        degrees = {
            "tensor_model_parallel_size": tensor,
            "sharding_parallel_size": sharding,
            "sharding": stage,
        }
        return plan_of(tensor * sharding * data, **degrees).total_bytes_per_gpu

    assert total(2 * tensor, sharding) <= total(tensor, sharding)
    assert total(tensor, 2 * sharding) <= total(tensor, sharding)


def test_layouts_are_those_of_the_training_arguments() -> None:
    recipe = TrainRecipe({"tensor_model_parallel_size": 2, "sharding": "stage1"})
    assert spread_over_gpus(recipe, 8) == GpuLayout(gpus=8, tensor=2, sharding=4, stage=1, expert_sharding=4)
    assert spread_over_gpus(recipe, 8).readers == 4
    assert spread_over_gpus(recipe, 1) == GpuLayout(gpus=1)
    assert spread_over_gpus(TrainRecipe({**recipe.values, "sharding": ""}), 8).data == 4
    assert fewest_gpus(TrainRecipe({**recipe.values, "sharding_parallel_size": 3})) == 6
    with pytest.raises(UserError, match="does not divide 6 GPUs"):
        spread_over_gpus(TrainRecipe({"tensor_model_parallel_size": 4}), 6)
    with pytest.raises(UserError, match="sharding_parallel_size: 3"):
        spread_over_gpus(TrainRecipe({"sharding_parallel_size": 3}), 8)


def test_the_command_shows_a_table_and_refuses_what_does_not_fit(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    recipe = str(RECIPES / "qwen3_vl_8b_lora.yaml")
    assert main([recipe, "gpus=1"]) == 0
    for word in ("8,767,123,696", "weights", "optimizer states", "activations", "80.00 GiB: fits"):
        assert word in caplog.text
    with pytest.raises(UserError, match=r"of 24 GiB .* DOES NOT FIT .* most of it is weights"):
        main([recipe, "gpus=1", "gpu_memory_gb=24"])
    asked: list[object] = []
    monkeypatch.setattr(hub_downloads, "fetch_repository", lambda *words: asked.append(words) or Path("gone"))
    with pytest.raises(
        UserError, match="Some/Model: no such folder, and it cannot be fetched from huggingface"
    ):
        main([recipe, "model_name_or_path=Some/Model"])
    assert asked == [("huggingface", "model", "Some/Model", ["config.json"])]
    with pytest.raises(UserError, match="pipeline_model_parallel_size: 2 is not counted"):
        main([recipe, "pipeline_model_parallel_size=2"])


def test_a_folders_own_config_counts(
    make_recipe: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = make_recipe()
    assert main([str(path)]) == 0
    folder = yaml.safe_load(path.read_text())["model_name_or_path"]
    assert f"{sum(t.size for t in tensors(model_config(folder))):,}" in caplog.text


def test_options_are_told_from_keys() -> None:
    words, options = split_options(["max_steps=3", "gpus=8", "gpu_memory_gb=24", "check_samples=0"])
    assert words == ["max_steps=3"]
    assert (options.gpus, options.gpu_memory_gb, options.check_samples) == (8, 24.0, 0)
    for word in (
        "gpus=many",
        "gpus=0",
        "gpu_memory_gb=-1",
        "gpu_memory_gb=nan",
        "gpu_memory_gb=inf",
        "check_samples=-5",
    ):
        with pytest.raises(UserError, match=word):
            split_options([word])


def test_a_card_of_80_is_taken_as_gib() -> None:
    assert plan_of().gpu_memory == 80 * GIB
    tight = plan_memory(FULL, published_configs()[LARGE], 8, plan_of().total_bytes_per_gpu / GIB)
    assert tight.fits
    assert not plan_memory(
        FULL, published_configs()[LARGE], 8, plan_of().total_bytes_per_gpu / GIB - 0.01
    ).fits
