"""Every step of the check, in order."""

from collections.abc import Iterator
from dataclasses import replace

from train.gpu_check.step import FLEET, PLAIN, Step, name_for
from train.gpu_check.steps import (
    adapter_export,
    falling_loss,
    frozen_parts,
    graphics_cards,
    killed_run,
    materials,
    mixture_export,
    packages,
    same_answers,
    split_model,
    zero_step,
)

NO_FLEET = name_for(split_model.ADAPTER_NAME, FLEET)
"""There is no such step: adapters that paddlefleet splits are refused (train/preflight/backend_keys.py)."""


def all_steps(*, with_fleet: bool) -> list[Step]:
    """Return the steps with plain classes and, if asked for, those with paddlefleet's, by their numbers."""
    steps = [materials.step(), graphics_cards.step(), packages.plain_step(), same_answers.step()]
    steps += _training_steps(PLAIN)
    if with_fleet:
        steps += [packages.fleet_step(), *map(_with_fleet, _training_steps(FLEET))]
        steps = [step for step in steps if step.name != NO_FLEET]
    return sorted(steps, key=lambda step: step.number)


def _training_steps(backend: str) -> Iterator[Step]:
    yield zero_step.step(backend)
    yield falling_loss.step(backend)
    yield adapter_export.step(backend)
    yield split_model.step(backend)
    yield split_model.norms_step(backend)
    yield split_model.adapter_step(backend)
    yield frozen_parts.step(backend)
    yield killed_run.step(backend)
    yield mixture_export.step(backend)


def _with_fleet(step: Step) -> Step:
    """Add what every step with paddlefleet's classes needs."""
    steps = (*step.needs.steps, packages.FLEET_NAME)
    return replace(step, needs=replace(step.needs, steps=steps, only_gpu=True, fleet=True))
