"""The pre-flight check of a train recipe: every problem at once, before any process starts."""

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError, run_command
from grounding.recipe import recipe_arguments
from train.check_keys import KEY_CHECKS
from train.check_parallel import degrees, devices, model_fits_degrees
from train.check_places import data_files, machine, model_folder, output_fate, output_folder
from train.machine import machine_has_gpu, visible_gpus
from train.nodes import node_count
from train.recipe import (
    RESOLVED_RECIPE,
    Options,
    Recipe,
    has_weights,
    is_hub_id,
    resolve_recipe,
    split_options,
)

log = logging.getLogger(__name__)

DESCRIPTION = """Check a train recipe: keys, files, data set, model, GPUs and memory; every problem at once.

Says what the run will do, too: lengths and drops of its records, encoded as in training, padding, effective
batch size, steps, memory. Three words are the check's own, beside PaddleFormers' keys: check_samples=200
(records to encode, 0 for none), gpus=8 and gpu_memory_gb=80 (of the machine that will train)."""

Check = Callable[[Recipe], Iterable[str]]

RECIPE_CHECKS: tuple[Check, ...] = (*KEY_CHECKS, degrees)
"""What the recipe alone shows."""

PLACE_CHECKS: tuple[Check, ...] = (
    data_files,
    model_folder,
    output_folder,
    machine,
    devices,
    model_fits_degrees,
)
"""What depends on the machine and its files."""

ENCODING_KEYS = (
    *("train_dataset", "model_name_or_path", "template", "stage", "max_seq_len", "truncation_strategy"),
    *("min_pixels", "max_pixels", "packing", "mix_strategy", "per_device_train_batch_size"),
)
"""Keys without which no record can be encoded: a problem in one of them is mended first."""

DEGREE_KEYS = ("tensor_model_parallel_size", "sharding", "expert_model_parallel_size", "pipeline_model")


def check_recipe(
    path: Path, overrides: Iterable[str] = (), checks: Sequence[Check] | None = None
) -> dict[str, Any]:
    """Return the recipe with its overrides, after all checks; log what the run will do.

    `checks` replaces all of them, and leaves out the data set and the memory.

    Raises:
        UserError: every problem that the checks found, in one message.
    """
    words, options = split_options(overrides)
    values = resolve_recipe(path, words)
    visible = visible_gpus() * node_count()
    recipe = Recipe(values, has_gpu=visible > 0, gpus=options.gpus or visible)
    problems = [problem for check in checks or (*RECIPE_CHECKS, *PLACE_CHECKS) for problem in check(recipe)]
    lines = [] if checks else list(foresee(recipe, options, problems))
    for line in lines:
        log.info("%s", line)
    if problems:
        raise UserError(f"{path}: {'; '.join(problems)}")
    return values


def foresee(recipe: Recipe, options: Options, problems: list[str]) -> Iterable[str]:
    """Yield lines about what the run will do, and add to `problems` what they bring to light."""
    from train.check_data import cards, records
    from train.check_model import template_fits, template_known
    from train.check_run import encode_records, encoding_lines, encoding_problems, memory_line, step_line

    for check in (records, cards, template_known, template_fits):
        problems.extend(check(recipe))
    encoding = None
    if any(problem.startswith(ENCODING_KEYS) for problem in problems):
        yield "encoding: comes when these problems are mended"
    else:
        encoding, why_not = encode_records(recipe, options.check_samples)
        if encoding is None:
            yield why_not
        else:
            problems.extend(encoding_problems(recipe, encoding))
            yield from encoding_lines(recipe, encoding)
    if not any(problem.startswith((*ENCODING_KEYS, *DEGREE_KEYS)) for problem in problems):
        yield step_line(recipe, encoding)
        try:
            line, too_large = memory_line(recipe, options)
        except UserError as error:
            line, too_large = f"memory: no plan, {error}", False
        yield line
        if too_large:
            problems.append(line)
    if fate := output_fate(recipe):
        yield fate


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.check RECIPE [key=value ...]`."""
    path, overrides = recipe_arguments(
        None,
        prog="python -m train.check",
        description=DESCRIPTION,
        example="python -m train.check recipes/train/tiny_full.yaml max_steps=10",
        argv=argv,
    )
    values = check_recipe(path, overrides)
    log.info("%s: %d keys, no problem found", path, len(values))
    return 0


__all__ = [
    "PLACE_CHECKS",
    "RECIPE_CHECKS",
    "RESOLVED_RECIPE",
    "Check",
    "check_recipe",
    "has_weights",
    "is_hub_id",
    "machine_has_gpu",
    "resolve_recipe",
]

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.exit(run_command(main))
