"""Whether a training starts from the model's own weights, and from the loss that they have."""

from functools import partial
from pathlib import Path
from typing import Any

from grounding.files import read_json
from train.gpu_check.evidence.logged_losses import read_step_losses, relative_gap
from train.gpu_check.evidence.weights_on_disk import compare_weights, shown_names
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import Needs, Step, name_for
from train.gpu_check.steps.materials import COPIES_FILE, FEW, FEW_FILE
from train.gpu_check.training_words import FULL, Training, plan_training, run_training
from train.gpu_check.workplace import MATERIALS, Workplace

NAME = "zero-step"
REFERENCE_FILE = "reference.json"
CLOSE = {True: 1e-2, False: 1e-4}
"""The relative difference of two losses that are one: in bfloat16 on GPUs, and in float32 on the CPU."""


def step(backend: str) -> Step:
    """Return the step for a backend."""
    return Step(
        5,
        name_for(NAME, backend),
        "a step at learning rate 0 changes no tensor, and its loss is that of the records one by one",
        partial(_work, backend=backend),
        partial(_judge, backend=backend),
        Needs((MATERIALS,)),
        lambda place: [_training(place, backend)],
    )


def _training(place: Workplace, backend: str) -> Training:
    # Without packing, the batch is the whole data set; with packing, all records are one and the same.
    batch: dict[str, Any] = {} if place.machine.has_gpu else {"per_device_train_batch_size": FEW}
    return plan_training(
        place,
        name_for(NAME, backend),
        FULL,
        backend,
        data=_records(place),
        max_steps=1,
        learning_rate=0.0,
        **batch,
    )


def _records(place: Workplace) -> Path:
    return place.data / (COPIES_FILE if place.machine.has_gpu else FEW_FILE)


def _work(place: Workplace, backend: str) -> None:
    name, training = name_for(NAME, backend), _training(place, backend)
    run_training(place, name, training)
    words = [str(training.run), str(_records(place)), str(place.folder_of(name) / REFERENCE_FILE)]
    place.run(name, ["-m", "train.gpu_check.evidence.first_loss", *words])


def _judge(place: Workplace, backend: str) -> Found:
    training = _training(place, backend)
    changes = compare_weights(place.model, training.run)
    wrong = {"not saved": changes.missing, "new": changes.added, "changed": changes.changed}
    losses = read_step_losses(training.run)
    first = losses[min(losses)]
    reference = float(read_json(place.folder_of(name_for(NAME, backend)) / REFERENCE_FILE)["loss"])
    close = CLOSE[place.machine.has_gpu]
    weights = [f"{what}: {shown_names(names)}" for what, names in wrong.items() if names]
    return judged(
        f"all tensors equal; loss {reference:.6f} within {close:.2%}",
        f"{'; '.join(weights) or f'{len(changes.same)} tensors equal'}; loss {first:.6f}",
        passed=not weights and relative_gap(first, reference) <= close,
    )
