"""Whether the model answers alike one by one and in a batch, on the CPU and on a GPU."""

from train.gpu_check.evidence.saved_answers import compare_answers
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import Needs, Step
from train.gpu_check.training_words import ask
from train.gpu_check.workplace import MATERIALS, Workplace

NAME = "same-answers"
TOGETHER = 8
"""Questions of one batch are padded, masked and cached; a question that is asked alone is only cached."""


def step() -> Step:
    """Return the step."""
    return Step(
        4,
        NAME,
        "in float32 the model answers alike alone and in padded batches, on the CPU and on a GPU",
        _work,
        _judge,
        Needs((MATERIALS,)),
    )


def _ways(place: Workplace) -> dict[str, tuple[str, int]]:
    """Return device and batch size of each way of asking; all are compared with the first."""
    if place.machine.has_gpu:
        return {"cpu": ("cpu", TOGETHER), "gpu": ("gpu", TOGETHER), "gpu_alone": ("gpu", 1)}
    return {"cpu": ("cpu", TOGETHER), "cpu_alone": ("cpu", 1)}


def _work(place: Workplace) -> None:
    for name, (device, batch_size) in _ways(place).items():
        ask(place, NAME, place.taught_model, name, device=device, batch_size=batch_size)


def _judge(place: Workplace) -> Found:
    first, *others = (place.folder_of(NAME) / name for name in _ways(place))
    agreements = {other.name: compare_answers(first, other) for other in others}
    return judged(
        "all answers agree",
        "; ".join(f"{first.name} and {name}: {agreement.text}" for name, agreement in agreements.items()),
        passed=all(agreement.share == 1 for agreement in agreements.values()),
    )
