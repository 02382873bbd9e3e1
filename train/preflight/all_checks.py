"""The pre-flight check of a train recipe: every problem at once, before any process starts."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from train.launch.nodes import node_count
from train.machine import visible_gpus
from train.preflight.degrees import degrees, devices, model_fits_degrees
from train.preflight.key_values import KEY_CHECKS
from train.preflight.places import data_files, machine, model_folder, output_fate, output_folder
from train.recipe import (
    Options,
    Recipe,
    resolve_recipe,
    split_options,
)

log = logging.getLogger(__name__)


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
    from train.preflight.data import cards, records
    from train.preflight.forecast import (
        encode_records,
        encoding_lines,
        encoding_problems,
        memory_line,
        step_line,
    )
    from train.preflight.template import template_fits, template_known

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
