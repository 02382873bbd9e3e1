"""The memory plan of a recipe as a table of text."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from models.folder_files import CONFIG_FILE
from models.hub_downloads import is_hub_id, named_folder
from models.lookup import published_configs, shaped_config
from train.machine import smallest_gpu_bytes, visible_gpus
from train.nodes import node_count
from train.plan.memory import DEFAULT_GPU_MEMORY_GB, GIB, MemoryPlan, plan_memory
from train.plan.micro_batch import most_pictures
from train.recipe import TrainRecipe, resolve_recipe, split_options


def plan_recipe(path: Path, overrides: Sequence[str] = ()) -> MemoryPlan:
    """Plan a recipe's run on the GPUs that the overrides name, or on the visible ones.

    The number of pictures of a record is that of the recipe's data files, 1 where they are not there.

    Raises:
        UserError: a bad recipe or override, a model whose shapes are not known, or one that is on no hub.
    """
    words, options = split_options(overrides)
    values = resolve_recipe(path, words)
    model = str(values.get("model_name_or_path") or "")
    if is_hub_id(model) and model not in published_configs():
        model = str(named_folder(model, CONFIG_FILE))
    config = shaped_config(model)
    card = options.gpu_memory_gb or (smallest_gpu_bytes() or 0) / GIB or DEFAULT_GPU_MEMORY_GB
    gpus = options.gpus or visible_gpus() * node_count() or None
    return plan_memory(values, config, gpus, card, most_pictures(TrainRecipe(values)))


def plan_lines(result: MemoryPlan) -> Iterator[str]:
    """Yield the degrees, the number of parameters, each part of the memory, and whether the run fits."""
    spread = result.layout
    yield (
        f"{spread.gpus} GPU{'s' if spread.gpus > 1 else ''}: "
        f"tensor parallel {spread.tensor}, sharding {spread.sharding}"
        f"{f' (stage {spread.stage})' if spread.stage else ''}, expert parallel {spread.expert}, "
        f"data parallel {spread.data}"
    )
    yield (
        f"parameters {result.parameters:,}, trained {result.trainable:,}; "
        f"at most {result.tokens:,} tokens a micro-batch"
    )
    for name, size in result.parts.items():
        yield f"  {name:<34}{size / GIB:>8.2f} GiB"
    yield f"  {'each GPU':<34}{result.total_bytes_per_gpu / GIB:>8.2f} GiB"
    verdict = "fits" if result.fits else "DOES NOT FIT"
    yield f"  {'card':<34}{result.gpu_memory / GIB:>8.2f} GiB: {verdict}"
