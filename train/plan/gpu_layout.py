"""How a run is spread over GPUs, by the rules of PaddleFormers' training arguments."""

from dataclasses import dataclass

from grounding.errors import UserError
from train.recipe import TrainRecipe

STAGES = {"stage1": 1, "stage2": 2, "stage3": 3}


@dataclass(frozen=True)
class GpuLayout:
    """The parallel degrees of a run.

    GPUs of one tensor or pipeline group work on the same records; sharding and data parallel groups read
    different ones. `stage` is ZeRO's stage, 0 without sharding. `expert_sharding` is the number of GPUs that
    hold the same experts and share their optimizer states.
    """

    gpus: int
    tensor: int = 1
    pipeline: int = 1
    sharding: int = 1
    stage: int = 0
    expert: int = 1
    expert_sharding: int = 1

    @property
    def data(self) -> int:
        """The degree of plain data parallelism: the GPUs that the other degrees leave over."""
        return max(1, self.gpus // (self.tensor * self.pipeline * self.sharding))

    @property
    def readers(self) -> int:
        """How many groups of GPUs read records of their own (PaddleFormers' dataset_world_size)."""
        return self.sharding * self.data


def fewest_gpus(recipe: TrainRecipe) -> int:
    """Return the smallest number of GPUs that a recipe's degrees need."""
    dense = recipe.degree("tensor_model_parallel_size") * recipe.degree("sharding_parallel_size")
    return max(dense, recipe.degree("expert_model_parallel_size")) * recipe.degree(
        "pipeline_model_parallel_size"
    )


def spread_over_gpus(recipe: TrainRecipe, gpus: int | None = None) -> GpuLayout:
    """Return how a run is spread over `gpus` GPUs, or over as few as its degrees allow (None).

    Source: TrainingArguments._post_init_parallel_degree of PaddleFormers 1.2.0.

    Raises:
        UserError: the degrees do not divide the GPUs.
    """
    gpus = gpus or fewest_gpus(recipe)
    if gpus == 1:  # PaddleFormers ignores every degree then
        return GpuLayout(gpus=1)
    tensor = recipe.degree("tensor_model_parallel_size")
    pipeline = recipe.degree("pipeline_model_parallel_size")
    expert = recipe.degree("expert_model_parallel_size")
    if gpus % (tensor * pipeline):
        raise UserError(
            f"tensor_model_parallel_size: {tensor} x pipeline_model_parallel_size {pipeline} does not divide "
            f"{gpus} GPUs"
        )
    stage = STAGES.get(str(recipe.get("sharding")).split(" ")[0], 0)
    sharding = recipe.number("sharding_parallel_size", -1)
    if sharding == -1:
        sharding = gpus // (tensor * pipeline) if stage else 1
    sharding = max(1, sharding)
    if gpus % (tensor * pipeline * sharding):
        raise UserError(
            f"sharding_parallel_size: {sharding} x tensor_model_parallel_size {tensor} does not divide "
            f"{gpus} GPUs"
        )
    if gpus % (pipeline * expert):
        raise UserError(f"expert_model_parallel_size: {expert} does not divide {gpus} GPUs")
    return GpuLayout(
        gpus=gpus,
        tensor=tensor,
        pipeline=pipeline,
        sharding=sharding,
        stage=stage if sharding > 1 else 0,
        expert=expert,
        expert_sharding=gpus // (pipeline * expert) if expert > 1 else sharding,
    )
