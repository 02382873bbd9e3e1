"""A step of the check: what it will show, what it needs, what it does, and what it found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from train.gpu_check.finding import Found
from train.gpu_check.training_words import Training
from train.gpu_check.workplace import Workplace
from train.keys import Backend

PLAIN, FLEET = Backend.PLAIN.value, Backend.FLEET.value
"""The classes that a model is trained with: PaddleFormers' plain Paddle classes, or those of paddlefleet."""


@dataclass(frozen=True)
class Needs:
    """What a step needs: other steps that have passed, GPUs, paddlefleet, or a model that the user names.

    `gpus` counts GPUs on a machine that has some; with `only_gpu` the step is left out on a CPU.
    """

    steps: tuple[str, ...] = ()
    gpus: int = 1
    only_gpu: bool = False
    fleet: bool = False
    mixture: bool = False


def _trains_nothing(place: Workplace) -> Sequence[Training]:
    del place
    return ()


@dataclass(frozen=True)
class Step:
    """One step.

    `work` runs its commands in the step's folder. `judge` reads the files that are there, and runs nothing.
    `trains` names its trainings, whose memory decides whether they fit.
    """

    number: int
    name: str
    shows: str
    work: Callable[[Workplace], None]
    judge: Callable[[Workplace], Found]
    needs: Needs = Needs()
    trains: Callable[[Workplace], Sequence[Training]] = _trains_nothing

    def check(self, place: Workplace) -> Found:
        """Run the step and judge it.

        Raises:
            StepFailedError: a command has failed.
        """
        self.work(place)
        return self.judge(place)


def name_for(name: str, backend: str) -> str:
    """Return a step's name with the classes that it trains with; plain ones are not named."""
    return name if backend == PLAIN else f"{name}-{backend}"
