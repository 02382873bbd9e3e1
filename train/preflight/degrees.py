"""Checks of the parallel degrees: they must divide the GPUs, and the parts of the model that they split."""

from collections.abc import Iterator, Mapping
from typing import Any

from grounding.errors import UserError
from models.lookup import find_family, shaped_config
from train.plan.gpu_layout import spread_over_gpus
from train.recipe import TrainRecipe


def devices(recipe: TrainRecipe) -> Iterator[str]:
    """The degrees must divide the GPUs; on a machine without GPUs this is not checked."""
    if not recipe.gpus or recipe.get("device") == "cpu":
        return
    try:
        spread = spread_over_gpus(recipe, recipe.gpus)
    except UserError as error:
        yield f"{error}: change the degrees, or CUDA_VISIBLE_DEVICES"
        return
    for name in ("tensor_model_parallel_size", "expert_model_parallel_size", "sharding_parallel_size"):
        if recipe.gpus == 1 and recipe.degree(name) > 1:
            yield f"{name}: {recipe.get(name)} is dropped on one GPU: leave it out, or use more GPUs"
    if spread.expert > 1 and spread.data > 1:
        yield (
            f"sharding_parallel_size: leaves {spread.data} data parallel parts, which expert parallelism "
            f"does not allow: write {spread.sharding * spread.data}"
        )
    if spread.expert > 1 and spread.sharding > 1 and spread.sharding % spread.expert_sharding:
        yield (
            f"expert_model_parallel_size: {spread.gpus} GPUs / {spread.expert} = {spread.expert_sharding} "
            f"must divide sharding_parallel_size {spread.sharding}"
        )
    if spread.stage >= 2 and spread.data > 1 and recipe.get("amp_master_grad"):
        yield (
            f"sharding: {recipe.get('sharding')} with amp_master_grad runs only without data parallelism: "
            f"write sharding_parallel_size {spread.sharding * spread.data}"
        )


def degree_keys(recipe: TrainRecipe) -> Iterator[str]:
    """Some degrees have no effect, or PaddleFormers refuses them, on any machine."""
    sharding = recipe.get("sharding")
    if recipe.number("sharding_parallel_size") > 1 and not sharding:
        yield "sharding_parallel_size: has no effect without sharding: write sharding: stage1"
    if recipe.degree("expert_tensor_model_parallel_size") > 1:
        yield "expert_tensor_model_parallel_size: is refused above 1: leave it out"
    if recipe.degree("expert_model_parallel_size") > 1 and not recipe.get("use_expert_parallel"):
        yield "expert_model_parallel_size: needs use_expert_parallel: true"
    if recipe.is_lora and recipe.degree("sharding_parallel_size") > 1 and recipe.get("stage1_overlap"):
        yield "stage1_overlap: is refused with LoRA: leave it out"


def model_fits_degrees(recipe: TrainRecipe) -> Iterator[str]:
    """The parts of the model that are split must be divisible by the degrees."""
    try:
        config = shaped_config(recipe.model)
    except UserError:
        return  # the check of the folder reports it; the shapes of other models are not known
    yield from _tensor_parts(recipe, config)
    shape = find_family(config).text_shape(config)
    experts = recipe.degree("expert_model_parallel_size")
    if experts > 1 and shape.experts == 0:
        yield "expert_model_parallel_size: the model has no experts: leave it out"
    elif shape.experts % experts:
        yield f"expert_model_parallel_size: {experts} does not divide the model's {shape.experts} experts"
    stages = recipe.degree("pipeline_model_parallel_size")
    if shape.layers % stages:
        yield f"pipeline_model_parallel_size: {stages} does not divide the model's {shape.layers} layers"


def _tensor_parts(recipe: TrainRecipe, config: Mapping[str, Any]) -> Iterator[str]:
    tensor = recipe.degree("tensor_model_parallel_size")
    family = find_family(config)
    shape = family.text_shape(config)
    parts = {
        "attention heads": shape.heads,
        "key-value heads": shape.key_value_heads,
        "vocabulary": shape.vocab_size,
        "intermediate_size": shape.intermediate_size,
    }
    if recipe.get("device") != "cpu":  # the plain Paddle classes leave the vision tower whole
        parts["vision heads"] = family.vision_shape(config).heads
    wrong = [f"{name} {count}" for name, count in parts.items() if count % tensor]
    if wrong:
        yield f"tensor_model_parallel_size: {tensor} does not divide the model's {', '.join(wrong)}"
