"""Which parameters a recipe trains, by PaddleFormers' own rules for freezing and for adapters."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from models.shapes import Split, Tensor
from train.adapter_targets import adapts_attention_alone, attention_targets
from train.keys import quiet_imports
from train.recipe import TrainRecipe

ROW_PARALLEL = ("o_proj", "down_proj", "attn.proj", "linear_fc2")
"""Layers that tensor parallelism splits by their inputs; the others are split by their outputs."""

EXPERTS = ".mlp.experts"


class _ShapeModel:
    """The part of a model that PaddleFormers' functions for freezing use: a config and named parameters."""

    def __init__(self, config: Mapping[str, Any], tensors: Sequence[Tensor]) -> None:
        self.config = SimpleNamespace(model_type=config["model_type"])
        self.parameters = {tensor.name: SimpleNamespace(stop_gradient=False) for tensor in tensors}

    def named_parameters(self) -> Iterator[tuple[str, SimpleNamespace]]:
        yield from self.parameters.items()


def trained_tensors(
    recipe: TrainRecipe, config: Mapping[str, Any], tensors: Sequence[Tensor]
) -> list[Tensor]:
    """Return the parameters that the optimizer steps: the model's own, or those that LoRA adds to it.

    It calls PaddleFormers' functions: freeze_model_parameters, get_lora_target_modules and
    get_multimodel_lora_target_modules of paddleformers.cli.utils. The shapes of adapters are those of its
    LoRALinear and LoRAMoeExperts.
    """
    with quiet_imports():
        from paddleformers.cli import utils

        model = _ShapeModel(config, tensors)
        freeze = str(recipe.get("freeze_config") or "")
        if recipe.is_lora:
            targets = utils.get_lora_target_modules(model)
            if adapts_attention_alone(recipe.values):
                targets = attention_targets(targets)
            if freeze:
                targets = utils.get_multimodel_lora_target_modules(model, targets, freeze)
            return list(_adapters(tensors, targets, recipe.number("lora_rank")))
        if freeze:
            utils.freeze_model_parameters(model, freeze)
    return [tensor for tensor in tensors if not model.parameters[tensor.name].stop_gradient]


def _adapters(tensors: Sequence[Tensor], targets: Sequence[str], rank: int) -> Iterator[Tensor]:
    """Yield the two LoRA factors of each weight whose layer matches one of the patterns."""
    for tensor in tensors:
        layer = tensor.name.removesuffix(".weight")
        if EXPERTS in layer:
            layer = layer[: layer.index(EXPERTS) + len(EXPERTS)]
        elif len(tensor.shape) != 2 or layer == tensor.name:
            continue
        if any(re.fullmatch(target, layer) for target in targets):
            *experts, inputs, outputs = tensor.shape
            is_row = layer.endswith(ROW_PARALLEL)
            first: Split = tensor.split if is_row or tensor.split == "expert" else "none"
            second: Split = "none" if is_row and tensor.split == "tensor" else tensor.split
            yield Tensor(f"{tensor.name}.lora_A", (*experts, inputs, rank), first)
            yield Tensor(f"{tensor.name}.lora_B", (*experts, rank, outputs), second)
