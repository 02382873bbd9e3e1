"""The pre-flight check of a train recipe: it reports all problems at once, before any process starts."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from train.inside.patches.supported import refuse_other_versions
from train.keys import CACHE_KEY
from train.machine import visible_gpus
from train.nodes import node_count
from train.objectives.grpo.grpo_settings import KEY as GRPO_KEY
from train.preflight.backend_keys import backend_fits_machine, backend_keys
from train.preflight.cache_fit.cache_keys import cache_keys
from train.preflight.cache_fit.cached_files import cached_files
from train.preflight.degrees import degree_keys, devices, model_fits_degrees
from train.preflight.evaluation_suites import evaluation_suites
from train.preflight.key_values import KEY_CHECKS
from train.preflight.limits.number_ranges import out_of_range
from train.preflight.limits.word_choices import outside_lists
from train.preflight.objective_keys.coordinate_keys import coordinate_keys
from train.preflight.objective_keys.grpo_keys import grpo_files, grpo_keys
from train.preflight.objective_keys.joint_head_keys import joint_head_keys, joint_head_pictures
from train.preflight.objective_keys.keep_keys import keep_keys, keep_line, keep_sets
from train.preflight.objective_keys.kept_knowledge import forgetting_line
from train.preflight.objective_keys.near_start_keys import near_start_files, near_start_keys
from train.preflight.objective_keys.preference_keys import preference_keys
from train.preflight.places import cpu_keys, data_files, model_folder, output_fate, output_folder
from train.recipe import (
    CheckOptions,
    TrainRecipe,
    resolve_recipe,
    split_options,
)

log = logging.getLogger(__name__)


Check = Callable[[TrainRecipe], Iterable[str]]

RECIPE_CHECKS: tuple[Check, ...] = (
    *KEY_CHECKS,
    out_of_range,
    outside_lists,
    degree_keys,
    backend_keys,
    preference_keys,
    grpo_keys,
    coordinate_keys,
    near_start_keys,
    keep_keys,
    joint_head_keys,
    cache_keys,
)
"""Checks that need the recipe and nothing else."""

PLACE_CHECKS: tuple[Check, ...] = (
    data_files,
    model_folder,
    output_folder,
    cpu_keys,
    backend_fits_machine,
    devices,
    model_fits_degrees,
    grpo_files,
    evaluation_suites,
    near_start_files,
    keep_sets,
    cached_files,
)
"""Checks that depend on this machine and its files."""

ENCODING_KEYS = (
    *("train_dataset", "model_name_or_path", "template", "stage", "max_seq_len", "truncation_strategy"),
    *("min_pixels", "max_pixels", "packing", "mix_strategy", "per_device_train_batch_size", "seed"),
    *("num_samples_each_epoch", CACHE_KEY),
)
"""Keys that the encoding of records needs: a problem with one of them has to be solved first."""

DEGREE_KEYS = ("tensor_model_parallel_size", "sharding", "expert_model_parallel_size", "pipeline_model")


def check_recipe(
    path: Path, overrides: Iterable[str] = (), checks: Sequence[Check] | None = None
) -> dict[str, Any]:
    """Run all checks, log what the run will do, and return the recipe's values with the overrides applied.

    `checks` replaces all checks; the data set and the memory are not looked at then.

    Raises:
        UserError: every problem that the checks found, in one message; or another PaddleFormers is installed
            than the one that there are patches for.
    """
    refuse_other_versions()
    words, options = split_options(overrides)
    values = resolve_recipe(path, words)
    visible = visible_gpus() * node_count()
    recipe = TrainRecipe(values, has_gpu=visible > 0, gpus=options.gpus or visible)
    problems = [problem for check in checks or (*RECIPE_CHECKS, *PLACE_CHECKS) for problem in check(recipe)]
    lines = [] if checks else list(foresee(recipe, options, problems))
    for line in lines:
        log.info("%s", line)
    if problems:
        raise UserError(f"{path}: {'; '.join(problems)}")
    return values


def foresee(recipe: TrainRecipe, options: CheckOptions, problems: list[str]) -> Iterable[str]:
    """Yield lines about what the run will do, and add the problems that come up to `problems`."""
    from train.preflight.data import DATA_CHECKS
    from train.preflight.forecast import (
        encode_records,
        encoding_lines,
        encoding_problems,
        memory_line,
        step_line,
    )
    from train.preflight.template import template_fits, template_known

    for check in (*DATA_CHECKS, joint_head_pictures, template_known, template_fits):
        problems.extend(check(recipe))
    encoding = None
    if any(problem.startswith(ENCODING_KEYS) for problem in problems):
        yield "encoding: left out until these problems are solved"
    else:
        try:
            encoding, why_not = encode_records(recipe, options.check_samples)
        except UserError as error:
            problems.append(f"model_name_or_path: {error}")
            why_not = "encoding: left out until these problems are solved"
        if encoding is None:
            yield why_not
        else:
            problems.extend(encoding_problems(recipe, encoding))
            yield from encoding_lines(recipe, encoding)
    is_possible = not any(out_of_range(recipe))  # steps and memory of an impossible size mean nothing
    if is_possible and not any(
        problem.startswith((*ENCODING_KEYS, *DEGREE_KEYS, GRPO_KEY)) for problem in problems
    ):
        yield step_line(recipe, encoding)
        try:
            line, too_large = memory_line(recipe, options)
        except UserError as error:
            line, too_large = f"memory: no plan, {error}", False
        yield line
        if too_large:
            problems.append(line)
        yield from keep_line(recipe)
    yield from forgetting_line(recipe)
    if fate := output_fate(recipe):
        yield fate
