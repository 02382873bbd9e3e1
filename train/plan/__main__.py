"""The memory plan of a train recipe: `python -m train.plan RECIPE [key=value ...]`."""

import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.errors import UserError, run_command
from grounding.recipe import recipe_arguments

if TYPE_CHECKING:
    from train.plan.memory import MemoryPlan

log = logging.getLogger(__name__)

DESCRIPTION = """Count what a training run needs of each GPU's memory, before there is a GPU.

Two words are the plan's own: gpus=8 (all GPUs of all nodes; otherwise those that are visible, or as few
as the recipe's degrees allow) and gpu_memory_gb=24 (otherwise the visible card's, or 80). The formulas and
their sources are at the top of train/plan/memory.py; nothing was measured on a GPU. Exit code 2 where it does
not fit."""


def show_plan(path: Path, overrides: Sequence[str] = ()) -> int:
    """Log the plan's table.

    Raises:
        UserError: the run does not fit, with what to change; or the model's shapes are not known.
    """
    from models.lookup import model_config
    from train.launch.nodes import node_count
    from train.machine import smallest_gpu_bytes, visible_gpus
    from train.plan.memory import DEFAULT_GPU_MEMORY_GB, GIB, plan
    from train.recipe import resolve_recipe, split_options

    words, options = split_options(overrides)
    values = resolve_recipe(path, words)
    config = model_config(str(values.get("model_name_or_path") or ""))
    card = options.gpu_memory_gb or (smallest_gpu_bytes() or 0) / GIB or DEFAULT_GPU_MEMORY_GB
    result = plan(values, config, options.gpus or visible_gpus() * node_count() or None, card)
    for line in plan_lines(result):
        log.info("%s", line)
    if not result.fits:
        raise UserError(f"{path}: {result.summary}: {result.advice}")
    return 0


def plan_lines(result: "MemoryPlan") -> Iterator[str]:
    """Yield the table of a plan, a line for each part of the memory."""
    from train.plan.memory import GIB

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.plan RECIPE [key=value ...]`."""
    path, overrides = recipe_arguments(
        None,
        prog="python -m train.plan",
        description=DESCRIPTION,
        example="python -m train.plan recipes/train/qwen3_vl_8b_lora.yaml gpus=1 gpu_memory_gb=24",
        argv=argv,
    )
    return show_plan(path, overrides)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(run_command(main))
