"""Whether freezing freezes what it names, and nothing else."""

from functools import partial

from train.gpu_check.evidence.weights_on_disk import compare_weights, shown_names
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import Needs, Step, name_for
from train.gpu_check.training_words import FULL, Training, plan_training, run_training
from train.gpu_check.workplace import MATERIALS, Workplace

NAME = "frozen-parts"
FREEZE = "freeze_vision freeze_llm"
STEPS = 3
RATE = 1.0e-3
"""A rate at which bfloat16 weights change within some steps."""

MERGERS = (".visual.merger.", ".visual.deepstack_merger_list.")
"""The parts of the names of the aligner's tensors."""

MATRICES = (".linear_fc1.weight", ".linear_fc2.weight")
"""The aligner's matrices, all of which have to change; its norms and biases may change."""


def step(backend: str) -> Step:
    """Return the step for a backend."""
    return Step(
        9,
        name_for(NAME, backend),
        f'freeze_config="{FREEZE}": the mergers change, and every other tensor stays as it was',
        partial(_work, backend=backend),
        partial(_judge, backend=backend),
        Needs((MATERIALS,)),
        lambda place: [_training(place, backend)],
    )


def _training(place: Workplace, backend: str) -> Training:
    return plan_training(
        place,
        name_for(NAME, backend),
        FULL,
        backend,
        max_steps=STEPS,
        freeze_config=FREEZE,
        learning_rate=RATE,
    )


def _work(place: Workplace, backend: str) -> None:
    run_training(place, name_for(NAME, backend), _training(place, backend))


def _judge(place: Workplace, backend: str) -> Found:
    changes = compare_weights(place.model, _training(place, backend).run)
    still = tuple(name for name in changes.same if _is_merger(name) and name.endswith(MATRICES))
    others = tuple(name for name in changes.changed if not _is_merger(name))
    mergers = sum(_is_merger(name) for name in changes.changed)
    wrong = {
        "mergers unchanged": still,
        "changed though frozen": others,
        "not saved": changes.missing,
        "new": changes.added,
    }
    problems = [f"{what}: {shown_names(names)}" for what, names in wrong.items() if names]
    return judged(
        "all matrices of the mergers change, nothing else does",
        "; ".join(problems) or f"{mergers} tensors of mergers changed, {len(changes.same)} tensors equal",
        passed=not problems and mergers > 0,
    )


def _is_merger(name: str) -> bool:
    return any(part in name for part in MERGERS)
