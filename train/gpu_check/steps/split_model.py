"""Whether a model that is split over two GPUs, or two processes, learns what one learns."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from train.gpu_check.evidence.logged_losses import largest_gap, read_step_losses
from train.gpu_check.evidence.weights_on_disk import read_vectors
from train.gpu_check.finding import Found, StepFailedError, judged
from train.gpu_check.step import PLAIN, Needs, Step, name_for
from train.gpu_check.steps import adapter_export, falling_loss
from train.gpu_check.training_words import ADAPTER, FULL, Training, plan_training, run_training
from train.gpu_check.workplace import Workplace

NAME, NORMS_NAME, ADAPTER_NAME = "split-model", "head-norms", "split-adapter"
PARTS = 2
CLOSE = {True: 1e-2, False: 1e-3}
"""The relative difference of losses: in bfloat16 on GPUs, and in float32 on the CPU."""

HEAD_NORMS = (".q_norm.weight", ".k_norm.weight")
"""The norms that every part of a split model has whole, while it has only its part of the heads."""

APART = 0.1
"""How far the norms of two runs may be apart, as a share of how far they have moved."""

EXACT = {
    "compute_type": "float32",
    "fp16_opt_level": "O1",
    "amp_master_grad": False,
    "_attn_implementation": "sdpa",
    "use_attn_mask_startend_row_indices": False,
    "packing": False,
    "per_device_train_batch_size": 4,
}
"""On GPUs the norms are compared in float32: bfloat16 does not show how far they move in some steps."""

EXACT_STEPS = 5


def step(backend: str) -> Step:
    """Return the step that compares losses."""
    return Step(
        8,
        name_for(NAME, backend),
        f"{falling_loss.STEPS} steps with tensor parallel {PARTS}: the losses are those of one process",
        partial(_work, backend=backend),
        partial(_judge, backend=backend),
        Needs((name_for(falling_loss.NAME, backend),), gpus=PARTS),
        lambda place: [split_training(place, backend)],
    )


def norms_step(backend: str) -> Step:
    """Return the step that compares the norms of queries and keys."""
    return Step(
        8,
        name_for(NORMS_NAME, backend),
        f"with tensor parallel {PARTS} the norms of queries and keys learn from all heads",
        partial(_work_norms, backend=backend),
        partial(_judge_norms, backend=backend),
        Needs((name_for(falling_loss.NAME, backend), name_for(NAME, backend)), gpus=PARTS),
        partial(_norm_runs, backend=backend),
    )


def adapter_step(backend: str) -> Step:
    """Return the step that exports the adapter of a split model."""
    return Step(
        8,
        name_for(ADAPTER_NAME, backend),
        f"LoRA with tensor parallel {PARTS}: losses, export and answers as with one process",
        partial(_work_adapter, backend=backend),
        partial(_judge_adapter, backend=backend),
        Needs((name_for(adapter_export.NAME, backend),), gpus=PARTS),
        lambda place: [_adapter_training(place, backend)],
    )


def _split(backend: str) -> dict[str, Any]:
    """Return the keys that split a model; paddlefleet's classes sum the norms' gradients with the second."""
    keys: dict[str, Any] = {"tensor_model_parallel_size": PARTS}
    return keys if backend == PLAIN else {**keys, "sequence_parallel": True}


def split_training(place: Workplace, backend: str) -> Training:
    """Return the training of the split model."""
    return plan_training(
        place,
        name_for(NAME, backend),
        FULL,
        backend,
        gpus=PARTS,
        max_steps=falling_loss.STEPS,
        **_split(backend),
    )


def _work(place: Workplace, backend: str) -> None:
    run_training(place, name_for(NAME, backend), split_training(place, backend))


def _judge(place: Workplace, backend: str) -> Found:
    one, two = falling_loss.falling_training(place, backend), split_training(place, backend)
    return _judge_losses(place, one, two, falling_loss.STEPS)


def _judge_losses(place: Workplace, one: Training, two: Training, steps: int) -> Found:
    close = CLOSE[place.machine.has_gpu]
    losses = read_step_losses(two.run)
    gap, step_number = largest_gap(read_step_losses(one.run), losses)
    return judged(
        f"{steps} losses within {close:.1%} of one process's",
        f"{len(losses)} losses, at most {gap:.3%} apart (step {step_number})",
        passed=gap <= close and len(losses) == steps,
    )


def _norm_runs(place: Workplace, backend: str) -> tuple[Training, Training]:
    """Return the training in one process and that of the split model; on the CPU earlier steps ran both."""
    if not place.machine.has_gpu:
        return falling_loss.falling_training(place, backend), split_training(place, backend)
    name = name_for(NORMS_NAME, backend)
    keys: dict[str, Any] = {**EXACT, "max_steps": EXACT_STEPS}
    one = plan_training(place, name, FULL, backend, run="one", **keys)
    keys |= _split(backend)
    return one, plan_training(place, name, FULL, backend, run="two", gpus=PARTS, **keys)


def _work_norms(place: Workplace, backend: str) -> None:
    if place.machine.has_gpu:
        for training in _norm_runs(place, backend):
            run_training(place, name_for(NORMS_NAME, backend), training)


def _judge_norms(place: Workplace, backend: str) -> Found:
    one, two = (read_vectors(training.run, HEAD_NORMS) for training in _norm_runs(place, backend))
    base = read_vectors(place.model, HEAD_NORMS)
    if not base or base.keys() != one.keys() or base.keys() != two.keys():
        raise StepFailedError(f"{len(base)}, {len(one)} and {len(two)} norms of queries and keys")
    moved = {name: _distance(base, one, name) for name in base}
    shares = {name: _distance(one, two, name) / moved[name] if moved[name] else np.inf for name in base}
    worst = max(shares, key=lambda name: shares[name])
    return judged(
        f"{len(base)} norms apart by at most {APART:.0%} of their way",
        f"at most {shares[worst]:.1%} of {moved[worst]:.2e} ({worst})",
        passed=shares[worst] <= APART,
    )


def _distance(first: Mapping[str, Any], second: Mapping[str, Any], name: str) -> float:
    return float(np.abs(first[name] - second[name]).mean())


def _adapter_training(place: Workplace, backend: str) -> Training:
    return plan_training(
        place,
        name_for(ADAPTER_NAME, backend),
        ADAPTER,
        backend,
        gpus=PARTS,
        max_steps=adapter_export.STEPS,
        tensor_model_parallel_size=PARTS,
    )


def _work_adapter(place: Workplace, backend: str) -> None:
    training = _adapter_training(place, backend)
    adapter_export.train_and_export(place, name_for(ADAPTER_NAME, backend), training)


def _judge_adapter(place: Workplace, backend: str) -> Found:
    training = _adapter_training(place, backend)
    losses = _judge_losses(
        place, adapter_export.adapter_training(place, backend), training, adapter_export.STEPS
    )
    export = adapter_export.judge_export(place, name_for(ADAPTER_NAME, backend), training, backend)
    return judged(
        f"{losses.expected}; {export.expected}",
        f"{losses.found}; {export.found}",
        passed=losses.verdict == export.verdict == judged("", "", passed=True).verdict,
    )
