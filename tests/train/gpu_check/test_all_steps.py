"""All steps on machines that do not exist, where every command fails, or says nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from train.gpu_check.all_steps import all_steps
from train.gpu_check.execution.running import run_steps
from train.gpu_check.finding import LEFT_OUT, WRONG
from train.gpu_check.steps import materials
from train.gpu_check.workplace import RunPython, Workplace

SMALL = Path("Qwen/Qwen3-VL-2B-Instruct")


def ending_with(code: int) -> RunPython:
    """Return what starts nothing, and has the exit code of what it did not start."""

    def run_python(words: Sequence[str], log: Path, variables: Mapping[str, str]) -> int:
        with log.open("a") as file:
            file.write("$ python\n")
        return code

    return run_python


@pytest.mark.parametrize("code", [0, 1])
def test_what_is_missing_is_said_without_a_traceback(code: int, make_place: Callable[..., Workplace]) -> None:
    place = make_place(8, mixture="Qwen/Qwen3-VL-30B-A3B-Instruct")
    place = replace(place, run_python=ending_with(code))
    steps = [step for step in all_steps(with_fleet=True) if step.number != 10]
    for step in steps[1:]:
        place.folder_of(step.name).mkdir()
        place.save_models(SMALL, SMALL, Path("Qwen/Qwen3-VL-30B-A3B-Instruct"))
        alone = replace(step, needs=replace(step.needs, steps=()))
        [outcome] = run_steps([alone], place, set())
        assert outcome.found.verdict == (LEFT_OUT if outcome.found.found.startswith("needs") else WRONG)
        said = outcome.found.found
        assert not said.startswith(("KeyError", "TypeError", "AttributeError", "FileNotFoundError")), said
        assert outcome.found.log is None or "Traceback" not in outcome.found.log.read_text()


def test_nothing_runs_without_data(make_place: Callable[..., Workplace]) -> None:
    place = replace(make_place(0), run_python=ending_with(1))
    outcomes = {
        outcome.step.name: outcome.found for outcome in run_steps(all_steps(with_fleet=False), place, set())
    }
    assert outcomes[materials.MATERIALS].found.startswith(
        "`python -m prepare.shapes source` ended with exit code 1"
    )
    assert outcomes["killed-run"].found == "needs falling-loss, which is left out"
    assert outcomes["zero-step"].found == "needs materials, which has FAILED"
