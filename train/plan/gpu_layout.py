"""How a recipe spreads a run over GPUs, by the rules of PaddleFormers' training arguments."""

from dataclasses import dataclass

from grounding.errors import UserError
from train.recipe import Recipe

STAGES = {"stage1": 1, "stage2": 2, "stage3": 3}


@dataclass(frozen=True)
class Layout:
    """The degrees of a run: `sharding` and `data` GPUs see different records, `tensor` GPUs the same.

    `stage` is ZeRO's, 0 without sharding. `expert_sharding` GPUs hold the same experts and share their
    optimizer states.
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
        """The GPUs left over for plain data parallelism."""
        return max(1, self.gpus // (self.tensor * self.pipeline * self.sharding))

    @property
    def readers(self) -> int:
        """How many parts of the run read records of their own (PaddleFormers' dataset_world_size)."""
        return self.sharding * self.data


def fewest_gpus(recipe: Recipe) -> int:
    """Return the smallest number of GPUs on which a recipe's degrees make sense."""
    dense = recipe.degree("tensor_model_parallel_size") * recipe.degree("sharding_parallel_size")
    return max(dense, recipe.degree("expert_model_parallel_size")) * recipe.degree(
        "pipeline_model_parallel_size"
    )


def layout(recipe: Recipe, gpus: int | None = None) -> Layout:
    """Return how a run spreads over `gpus`; None stands for as few as the degrees allow.

    Source: TrainingArguments._post_init_parallel_degree of PaddleFormers 1.2.0.

    Raises:
        UserError: degrees that do not divide the GPUs.
    """
    gpus = gpus or fewest_gpus(recipe)
    if gpus == 1:  # PaddleFormers drops every degree then
        return Layout(gpus=1)
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
    return Layout(
        gpus=gpus,
        tensor=tensor,
        pipeline=pipeline,
        sharding=sharding,
        stage=stage if sharding > 1 else 0,
        expert=expert,
        expert_sharding=gpus // (pipeline * expert) if expert > 1 else sharding,
    )
