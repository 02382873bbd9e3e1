"""How much memory a training run needs on each GPU, by formula. Nothing here was measured on a GPU.

Sources:
    ZeRO: Rajbhandari et al. 2020, "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models",
        section 3 and figure 1: what the stages 1, 2 and 3 divide by the sharding degree.
    Activations: Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models",
        section 4: every tensor that the backward pass needs is counted. The layers are Qwen3-VL's (RMSNorm,
        grouped keys and values, norms of queries and keys, rotary positions, gated MLP; no dropout).
        Each tensor parallel GPU holds the whole inputs and outputs of norms, and its part of the rest;
        sequence parallelism divides all of it. Full recomputation keeps the layers' inputs and one layer's
        activations. Attention scores count for eager attention only: flashmask and sdpa do not store them.
    Sizes of numbers, PaddleFormers 1.2.0: fp16_opt_level O2 loads 16-bit weights and asks the optimizer for
        float32 master weights (trainer.py, multi_precision); without O2 weights are float32
        (cli/train/sft/workflow.py); amp_master_grad keeps float32 gradients (MixPrecisionLayer);
        AdamW's two moments are float32.
        Tensor parallelism splits the vision tower of paddlefleet's classes (qwen3_vl/modeling_fleet.py); the
        plain one is whole on each GPU (qwen3_vl/modeling.py, line 196). Sequence parallelism splits neither,
        and expert parallelism alone splits experts (training_args.py).
    Loss: at most BLOCK_LOGITS logits at a time, and every token learned (train/plan/loss.py). PaddleFormers'
        own loss, which paddlefleet's classes take, keeps all logits in float32, their softmax and its
        gradient (nn/criterion/sft_loss.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from grounding.errors import UserError
from models.lookup import find_family
from models.shapes import Tensor
from train.plan.activations import count_activations
from train.plan.coordinate_memory import count_coordinates
from train.plan.gpu_layout import GpuLayout, spread_over_gpus
from train.plan.joint_memory import count_head
from train.plan.loss import count_loss
from train.plan.near_start_memory import keeps_start, needs_fisher
from train.plan.sampling_memory import count_sampling, needs_start_copy
from train.plan.trainable import trained_tensors
from train.recipe import TrainRecipe

GIB = 2**30
DEFAULT_GPU_MEMORY_GB = 80.0

RESERVE = 3 * GIB
"""An allowance, not a formula: bytes for the CUDA context, NCCL's buffers, gaps in the allocator's pool."""

MASTER_WEIGHT, MOMENTS, FLOAT32, FLOAT16 = 4, 8, 4, 2
"""Bytes per number: an optimizer's master weight, AdamW's two moments together, and the two formats."""


START_COPY, SAMPLING = "frozen start", "sampling, beyond the two above"
"""The parts of runs that compare with their start, and that learn from sampled answers."""
FISHER = "Fisher information"
"""The part of runs with grounding_ewc."""

BOX_HEAD = "box head and its optimizer"
"""The part of runs that train a box head with the model."""


@dataclass(frozen=True)
class MemoryPlan:
    """The peak memory of one GPU in bytes, and the number of parameters of the whole model.

    `trainable` counts the parameters that the optimizer updates: with LoRA the adapter's, which `parameters`
    does not include. `gradients` include the one of a head that is also the embedding, which waits until the
    backward pass ends. `peak` is the larger one of the loss with a block of logits and of one recomputed
    layer, as the two are never in memory together. `tokens` is the longest micro-batch. `start_copy` is the
    frozen model of the start, with which the stage VL-DPO and grounding_grpo.kl compare; with LoRA the
    adapter is switched off for that; or the start of the weights that this GPU's optimizer steps, which
    grounding_l2_to_start and grounding_ewc keep. `sampling` is what sampled answers need while nothing is
    learned, and `box_head` what a head has that is trained with the model. `fisher` is the Fisher information
    of grounding_ewc.
    """

    parameters: int
    trainable: int
    layout: GpuLayout
    tokens: int
    gpu_memory: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    peak: int
    start_copy: int = 0
    sampling: int = 0
    fisher: int = 0
    box_head: int = 0
    reserve: int = RESERVE

    @property
    def parts(self) -> dict[str, int]:
        """The parts by name, in bytes."""
        parts = {
            "weights": self.weights,
            "gradients": self.gradients,
            "optimizer states": self.optimizer,
            "activations": self.activations,
            "logits and loss, or one layer": self.peak,
        }
        if self.start_copy:
            parts[START_COPY] = self.start_copy
        if self.box_head:
            parts[BOX_HEAD] = self.box_head
        if self.sampling:
            parts[SAMPLING] = max(0, self.sampling - self.activations - self.peak)
        if self.fisher:
            parts[FISHER] = self.fisher
        return {**parts, "reserve (an allowance)": self.reserve}

    @property
    def total_bytes_per_gpu(self) -> int:
        """All parts together, in bytes."""
        return sum(self.parts.values())

    @property
    def fits(self) -> bool:
        """Whether the run fits on a card."""
        return self.total_bytes_per_gpu <= self.gpu_memory

    @property
    def advice(self) -> str:
        """Say how to make the largest part smaller."""
        advice = {
            "weights": "more tensor_model_parallel_size, expert_model_parallel_size, or sharding: stage3",
            "gradients": "sharding: stage2, more tensor_model_parallel_size, or fine_tuning: LoRA",
            "optimizer states": "more sharding_parallel_size and GPUs, or fine_tuning: LoRA",
            "activations": "recompute_granularity: full (uniform, 1), or less max_seq_len",
            "logits and loss, or one layer": "less max_seq_len, or more tensor_model_parallel_size",
        }
        if self.start_copy:
            advice[START_COPY] = "fine_tuning: LoRA, whose start is the model without its adapter"
        if self.sampling:
            advice[SAMPLING] = "less grounding_grpo.at_once"
        if self.fisher:
            advice[FISHER] = "grounding_l2_to_start, which needs none, or more tensor_model_parallel_size"
        largest = max(advice, key=lambda name: self.parts[name])
        return f"most of it is {largest}: {advice[largest]}"

    @property
    def summary(self) -> str:
        """One line: the memory that is needed and there, and the number of GPUs."""
        return (
            f"{self.total_bytes_per_gpu / GIB:.1f} of {self.gpu_memory / GIB:.0f} GiB on each of "
            f"{self.layout.gpus} GPUs, {'fits' if self.fits else 'DOES NOT FIT'} "
            f"({self.trained_share})"
        )

    @property
    def trained_share(self) -> str:
        """The number of trained parameters and of the model's parameters, in millions."""
        return f"{self.trainable / 1e6:,.1f} M parameters trained, model {self.parameters / 1e6:,.1f} M"


def plan_memory(
    values: Mapping[str, Any],
    config: Mapping[str, Any],
    gpus: int | None = None,
    gpu_memory_gb: float = DEFAULT_GPU_MEMORY_GB,
    pictures: int = 1,
) -> MemoryPlan:
    """Plan the memory of a recipe's run.

    `values` are the recipe's keys and `config` the model's config.json. `gpus` is the number of GPUs of all
    nodes, None for as few as the recipe's degrees allow. `gpu_memory_gb` is a card's memory as its maker
    names it, taken as GiB. A record has at most so many `pictures` (train/plan/micro_batch.py).

    Raises:
        UserError: the degrees do not fit the GPUs, or the plan does not know a kind of parallelism.
    """
    recipe = TrainRecipe(values)
    for name in ("pipeline_model_parallel_size", "context_parallel_size", "sep_parallel_size"):
        if recipe.degree(name) > 1:
            raise UserError(f"{name}: {recipe.get(name)} is not counted by the memory plan: leave it out")
    spread = spread_over_gpus(recipe, gpus)
    model = [_as_held(recipe, tensor) for tensor in find_family(config).tensors(config)]
    trained = trained_tensors(recipe, config, model)
    weight = weight_bytes(recipe)
    added = trained if recipe.is_lora else []
    shard_weights = spread.sharding if spread.stage >= 3 else 1
    shard_gradients = spread.sharding if spread.stage >= 2 else 1
    is_frozen = _is_frozen(trained, "model.visual")
    activations = count_activations(recipe, config, spread, frozen_vision=is_frozen, pictures=pictures)
    loss = count_loss(recipe, config, spread, model, trained, weight)
    head, boxes = count_head(recipe, config)
    beside = count_coordinates(recipe, config, loss.head_gradient) + boxes
    return MemoryPlan(
        parameters=sum(tensor.size for tensor in model),
        trainable=sum(tensor.size for tensor in trained),
        layout=spread,
        tokens=activations.tokens,
        gpu_memory=round(gpu_memory_gb * GIB),
        weights=_spread([*model, *added], spread) * weight // shard_weights,
        gradients=_spread(trained, spread) * gradient_bytes(recipe) // shard_gradients + loss.waiting,
        optimizer=_optimizer_bytes(recipe, trained, spread),
        activations=activations.stored,
        peak=max(loss.peak + beside, activations.one_layer),
        start_copy=_start_bytes(recipe, model, trained, spread),
        sampling=count_sampling(recipe, config, spread),
        fisher=_fisher_bytes(recipe, model, trained, spread),
        box_head=head,
    )


def _start_bytes(
    recipe: TrainRecipe, model: Iterable[Tensor], trained: Iterable[Tensor], spread: GpuLayout
) -> int:
    """Count the copy of the start on one GPU: of the whole model, or of what its optimizer steps."""
    if needs_start_copy(recipe):
        return _spread(model, spread) * weight_bytes(recipe)
    return _spread(trained, spread) * weight_bytes(recipe) // spread.sharding if keeps_start(recipe) else 0


def _fisher_bytes(
    recipe: TrainRecipe, model: Iterable[Tensor], trained: Iterable[Tensor], spread: GpuLayout
) -> int:
    """Count the Fisher information on one GPU: of what its optimizer steps, or of all adapted weights."""
    if not needs_fisher(recipe):
        return 0
    if not recipe.is_lora:
        return _spread(trained, spread) * weight_bytes(recipe) // spread.sharding
    adapted = {tensor.name.removesuffix(".lora_A") for tensor in trained}
    return _spread((tensor for tensor in model if tensor.name in adapted), spread) * weight_bytes(recipe)


def _as_held(recipe: TrainRecipe, tensor: Tensor) -> Tensor:
    """Return a tensor with the split that the run's classes give it: a plain vision tower is not split."""
    is_whole = tensor.name.startswith("model.visual.") and not recipe.is_fleet
    return replace(tensor, split="none") if is_whole else tensor


def weight_bytes(recipe: TrainRecipe) -> int:
    """Return the bytes of a weight: 16 bits at fp16_opt_level O2 only."""
    return FLOAT16 if _is_half(recipe) else FLOAT32


def gradient_bytes(recipe: TrainRecipe) -> int:
    """Return the bytes of a gradient, as it is kept between micro-batches."""
    return FLOAT32 if recipe.get("amp_master_grad") else weight_bytes(recipe)


def _is_half(recipe: TrainRecipe) -> bool:
    return recipe.get("compute_type") in ("bf16", "fp16") and recipe.get("fp16_opt_level") == "O2"


def _optimizer_bytes(recipe: TrainRecipe, trained: Iterable[Tensor], spread: GpuLayout) -> int:
    """Count AdamW's states on one GPU. ZeRO's first stage divides them among the sharding group.

    Experts have their own sharding group: the GPUs that hold the same experts.
    """
    if recipe.get("tensorwise_offload_optimizer"):
        return 0
    each = MOMENTS + (MASTER_WEIGHT if _is_half(recipe) else 0)
    trained = list(trained)
    experts = [tensor for tensor in trained if tensor.split == "expert"]
    others = [tensor for tensor in trained if tensor.split != "expert"]
    return each * (
        _spread(others, spread) // spread.sharding + _spread(experts, spread) // spread.expert_sharding
    )


def _spread(parts: Iterable[Tensor], spread: GpuLayout) -> int:
    """Count the numbers that one GPU holds of these tensors, before any sharding."""
    divisors = {"tensor": spread.tensor, "expert": spread.expert, "none": 1}
    return sum(-(-tensor.size // divisors[tensor.split]) for tensor in parts)


def _is_frozen(trained: Iterable[Tensor], prefix: str) -> bool:
    """Tell whether nothing under a prefix is trained; mergers come after the blocks and do not count."""
    return not any(tensor.name.startswith(prefix) and "merger" not in tensor.name for tensor in trained)
