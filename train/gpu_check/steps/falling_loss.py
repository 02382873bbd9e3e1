"""Whether a model learns, in the memory that the plan says."""

from functools import partial
from statistics import mean

from grounding.files import read_json, write_json
from train.gpu_check.evidence.logged_losses import read_peak_memory, read_step_losses
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import Needs, Step, name_for
from train.gpu_check.training_words import FULL, Training, plan_training, run_training
from train.gpu_check.workplace import MATERIALS, Workplace

NAME = "falling-loss"
STEPS = 20
ENDS = 5
"""The mean of the last steps' losses is compared with that of as many first steps."""

FALL = 0.95
PLAN_FILE = "plan.json"


def step(backend: str) -> Step:
    """Return the step for a backend."""
    return Step(
        6,
        name_for(NAME, backend),
        f"{STEPS} steps: the loss falls, and the GPU's memory stays within the plan",
        partial(_work, backend=backend),
        partial(_judge, backend=backend),
        Needs((MATERIALS,)),
        lambda place: [falling_training(place, backend)],
    )


def falling_training(place: Workplace, backend: str) -> Training:
    """Return the training of this step, which other steps compare theirs with."""
    return plan_training(place, name_for(NAME, backend), FULL, backend, max_steps=STEPS)


def _work(place: Workplace, backend: str) -> None:
    from train.plan.memory import GIB
    from train.plan.memory_table import plan_recipe

    training = falling_training(place, backend)
    if place.machine.has_gpu:
        sizes = [f"gpus={training.gpus}", f"gpu_memory_gb={place.machine.memory}"]
        plan = plan_recipe(training.recipe, [*training.overrides, *sizes])
        planned = {"gib": plan.total_bytes_per_gpu / GIB}
        write_json(place.folder_of(name_for(NAME, backend)) / PLAN_FILE, planned)
    run_training(place, name_for(NAME, backend), training)


def _judge(place: Workplace, backend: str) -> Found:
    run = falling_training(place, backend).run
    losses = [loss for _, loss in sorted(read_step_losses(run).items())]
    first, last = mean(losses[:ENDS]), mean(losses[-ENDS:])
    expected = f"{STEPS} losses, the last {ENDS} below {FALL:.0%} of the first {ENDS}"
    found = f"{len(losses)} losses, from {first:.4f} to {last:.4f}"
    passed = len(losses) == STEPS and last < FALL * first  # a loss that is no number is not less
    if place.machine.has_gpu:
        planned = float(read_json(place.folder_of(name_for(NAME, backend)) / PLAN_FILE)["gib"])
        peak = read_peak_memory(run)
        expected += f"; at most {planned:.1f} GiB"
        found += f"; {'no memory logged' if peak is None else f'{peak:.1f} GiB'}"
        passed = passed and peak is not None and peak <= planned
    return judged(expected, found, passed=passed)
