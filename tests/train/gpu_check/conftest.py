"""A whole check on the CPU, run once: real trainings, exports and answers of the tiny model."""

import logging
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from train.gpu_check.all_steps import all_steps
from train.gpu_check.cards import GraphicsCard, Machine
from train.gpu_check.execution.choosing import choose_steps
from train.gpu_check.execution.running import StepOutcome, run_steps
from train.gpu_check.step import Step
from train.gpu_check.wanted import GpuCheckSettings
from train.gpu_check.workplace import Workplace

ROOT = Path(__file__).resolve().parents[3]


def run_here(words: Sequence[str], log: Path, variables: Mapping[str, str]) -> int:
    """Do what `python WORDS` does in this process, which has Paddle imported; only trainers are others."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        output.write(f"$ python {' '.join(words)}\n")
        output.flush()
        if words[0] != "-m" or words[1] == "pip":
            return subprocess.run([sys.executable, *words], stdout=output, stderr=output).returncode
        with pytest.MonkeyPatch.context() as patch, _saying_into(output):
            for name, value in {"OMP_NUM_THREADS": "1", **variables}.items():
                patch.setenv(name, value)
            patch.chdir(ROOT)
            patch.setattr(sys, "argv", list(words[1:]))
            name = words[1] if not (ROOT / words[1].replace(".", "/")).is_dir() else f"{words[1]}.__main__"
            try:
                runpy.run_module(name, run_name="__main__")
            except SystemExit as end:
                return int(end.code or 0)
            return 0


@contextmanager
def _saying_into(output: object) -> Iterator[None]:
    handler, root = logging.StreamHandler(output), logging.getLogger()  # type: ignore[arg-type]
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with redirect_stdout(output), redirect_stderr(output):  # type: ignore[type-var]
            yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


WHOLE = ("0", "1", "2", "4", "5", "6", "7", "split-model", "head-norms", "9", "10", "11")
"""All steps but the adapter of two processes, which tests/train/export trains, too."""


@pytest.fixture(scope="session")
def whole_check(
    tmp_path_factory: pytest.TempPathFactory, in_forks: Callable[[], AbstractContextManager[None]]
) -> tuple[Workplace, list[StepOutcome]]:
    """The outcomes of a real check; its tests belong to the xdist group "gpu_check"."""
    folder = tmp_path_factory.mktemp("check")
    place = Workplace(folder, Machine(), GpuCheckSettings(output_dir=str(folder)), run_here)
    steps, _ = choose_steps(all_steps(with_fleet=False), WHOLE)
    with in_forks():
        return place, run_steps(steps, place, set())


@pytest.fixture
def copied_check(whole_check: tuple[Workplace, list[StepOutcome]], tmp_path: Path) -> Workplace:
    """A copy of what the whole check has left, for one planted fault; files are links: replace them."""
    place, _ = whole_check
    folder = tmp_path / "check"
    shutil.copytree(place.folder, folder, copy_function=os.link)
    return Workplace(folder, place.machine, place.settings, place.run_python)


@pytest.fixture
def planned_steps() -> list[Step]:
    """The steps that the whole check has run."""
    return choose_steps(all_steps(with_fleet=False), WHOLE)[0]


@pytest.fixture
def make_place(tmp_path: Path) -> Callable[..., Workplace]:
    """A workplace on a machine with so many cards; no command can be started."""

    def make(
        cards: int = 0, memory: float = 80.0, capability: tuple[int, int] = (9, 0), **settings: object
    ) -> Workplace:
        found = (GraphicsCard("a card", capability, memory, "560.1"),) * cards
        machine = Machine(found, tuple(map(str, range(cards))), has_fleet=cards > 0)

        def refuse(words: Sequence[str], log: Path, variables: Mapping[str, str]) -> int:
            raise AssertionError(words)

        return Workplace(tmp_path, machine, GpuCheckSettings(**settings), refuse)  # type: ignore[arg-type]

    return make
