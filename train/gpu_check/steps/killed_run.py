"""Whether a training that was killed goes on where its checkpoint was."""

from functools import partial

from grounding.run_record import KILLED, read_run
from train.checkpoints import numbered_checkpoints
from train.gpu_check.evidence.logged_losses import largest_gap, read_step_losses
from train.gpu_check.execution.killing import run_until_killed
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import Needs, Step, name_for
from train.gpu_check.steps import falling_loss
from train.gpu_check.training_words import FULL, Training, plan_training, run_training
from train.gpu_check.workplace import Workplace

NAME = "killed-run"
SAVE_AT = 10
CLOSE = {True: 1e-2, False: 1e-5}
"""The relative difference of losses: kernels of GPUs add in an order of their own."""


def step(backend: str) -> Step:
    """Return the step for a backend."""
    return Step(
        10,
        name_for(NAME, backend),
        f"kill -9 after the checkpoint of step {SAVE_AT}, then the same command: the losses go on",
        partial(_work, backend=backend),
        partial(_judge, backend=backend),
        Needs((name_for(falling_loss.NAME, backend),)),
        lambda place: [_training(place, backend)],
    )


def _training(place: Workplace, backend: str) -> Training:
    return plan_training(
        place,
        name_for(NAME, backend),
        FULL,
        backend,
        max_steps=falling_loss.STEPS,
        save_strategy="steps",
        save_steps=SAVE_AT,
        save_total_limit=1,
    )


def _work(place: Workplace, backend: str) -> None:
    name, training = name_for(NAME, backend), _training(place, backend)
    run_until_killed(place, name, training, SAVE_AT)
    run_training(place, name, training)


def _judge(place: Workplace, backend: str) -> Found:
    run = _training(place, backend).run
    record = read_run(run)
    states = [start.state for start in record.starts] if record else []
    resumed = record.starts[-1].resumed_from if record else None
    after = range(SAVE_AT + 1, falling_loss.STEPS + 1)
    losses = {number: loss for number, loss in read_step_losses(run).items() if number in after}
    gap, step_number = largest_gap(
        read_step_losses(falling_loss.falling_training(place, backend).run), losses
    )
    checkpoint = f"checkpoint-{SAVE_AT}"
    close = CLOSE[place.machine.has_gpu]
    return judged(
        f"killed, resumed from {checkpoint}, {len(after)} losses within {close:.3%}",
        f"{' and '.join(states)}, resumed from {resumed}, {len(losses)} losses at most {gap:.4%} apart "
        f"(step {step_number})",
        passed=states[:1] == [KILLED]
        and resumed == checkpoint
        and len(losses) == len(after)
        and gap <= close
        and bool(numbered_checkpoints(run)),
    )
