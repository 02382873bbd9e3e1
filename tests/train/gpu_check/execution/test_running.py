import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from grounding.errors import UserError
from train.gpu_check.execution.finished import RESULT_FILE
from train.gpu_check.execution.running import MARK_FILE, StepOutcome, alone_in, run_steps
from train.gpu_check.finding import LEFT_OUT, PASSED, WRONG, Found, StepFailedError, judged
from train.gpu_check.step import Needs, Step
from train.gpu_check.wanted import GpuCheckSettings
from train.gpu_check.workplace import LOG_FILE, Workplace
from train.launch.processes import MARK, marked, new_mark

HANG_SECONDS = 60


class Bench:
    """Four steps: two and four build on one, three on two. `broken` steps find something wrong."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.broken: dict[str, BaseException | None] = {}

    def steps(self) -> list[Step]:
        needs = {"one": (), "two": ("one",), "three": ("two",), "four": ("one",)}
        return [
            Step(number, name, f"{name} works", self._work(name), self._judge(name), Needs(needs[name]))
            for number, name in enumerate(needs, 1)
        ]

    def _work(self, name: str) -> Callable[[Workplace], None]:
        def work(place: Workplace) -> None:
            assert [path.name for path in place.folder_of(name).iterdir()] == [LOG_FILE]
            assert not place.log_of(name).stat().st_size
            self.ran.append(name)
            (place.folder_of(name) / "left").touch()
            if error := self.broken.get(name):
                raise error

        return work

    def _judge(self, name: str) -> Callable[[Workplace], Found]:
        return lambda _: judged(
            "works", "is broken" if name in self.broken else "works", passed=name not in self.broken
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def run(bench: Bench, make_place: Callable[..., Workplace]) -> Callable[..., dict[str, StepOutcome]]:
    def start(*again: str, only: int = 4, **settings: object) -> dict[str, StepOutcome]:
        bench.ran.clear()
        outcomes = run_steps(bench.steps()[:only], make_place(**settings), set(again))
        return {outcome.step.name: outcome for outcome in outcomes}

    return start


Run = Callable[..., dict[str, StepOutcome]]


def verdicts(outcomes: dict[str, StepOutcome]) -> list[str]:
    return [outcome.found.verdict for outcome in outcomes.values()]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (None, "is broken"),
        (StepFailedError("ended with exit code 1"), "ended with exit code 1"),
        (UserError("no such file"), "no such file"),
        (KeyError("weight"), "KeyError: 'weight'"),
    ],
)
def test_a_failure_ends_what_depends_on_it_and_nothing_else(
    bench: Bench, run: Run, error: Exception | None, said: str
) -> None:
    bench.broken["two"] = error
    outcomes = run()
    assert verdicts(outcomes) == [PASSED, WRONG, LEFT_OUT, PASSED]
    assert outcomes["two"].found.found == said
    assert outcomes["three"].found.found == "needs two, which has FAILED"
    log = outcomes["two"].found.log
    assert log
    assert ("Traceback" in log.read_text()) == isinstance(error, KeyError)


def test_passed_steps_are_not_run_again_unless_named(bench: Bench, run: Run) -> None:
    bench.broken["four"] = None
    run()
    assert bench.ran == ["one", "two", "three", "four"]
    del bench.broken["four"]
    assert verdicts(run()) == [PASSED] * 4
    assert bench.ran == ["four"]
    run("two")
    assert bench.ran == ["two", "three"]  # three was shown with what two had left before
    run("one")
    assert bench.ran == ["one", "two", "three", "four"]


def test_what_builds_on_a_step_that_was_run_alone_is_run_again(bench: Bench, run: Run) -> None:
    run()
    bench.broken["two"] = None
    run("two", only=2)
    assert bench.ran == ["two"]
    assert verdicts(run()) == [PASSED, WRONG, LEFT_OUT, PASSED]
    del bench.broken["two"]
    run("two", only=2)
    assert verdicts(run()) == [PASSED] * 4
    assert bench.ran == ["three"]


def test_a_killed_step_is_run_again(bench: Bench, run: Run, tmp_path: Path) -> None:
    bench.broken["three"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert (tmp_path / "three" / "left").is_file()
    assert not (tmp_path / "three" / RESULT_FILE).exists()
    del bench.broken["three"]
    assert verdicts(run()) == [PASSED] * 4
    assert bench.ran == ["three", "four"]


def test_another_model_and_other_cards_are_checked_anew(
    bench: Bench, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    run(model="Qwen/Qwen3-VL-4B-Instruct")
    assert len(bench.ran) == 4
    run(model="Qwen/Qwen3-VL-4B-Instruct", cards=2)
    assert len(bench.ran) == 4
    run(model="Qwen/Qwen3-VL-4B-Instruct", cards=2)
    assert bench.ran == []
    monkeypatch.setattr("train.gpu_check.execution.finished.package_versions", lambda: {"paddlepaddle": "9"})
    run(model="Qwen/Qwen3-VL-4B-Instruct", cards=2)
    assert len(bench.ran) == 4


def test_a_step_that_needs_gpus_is_left_out(make_place: Callable[..., Workplace], bench: Bench) -> None:
    steps = [replace(step, needs=replace(step.needs, only_gpu=step.name == "two")) for step in bench.steps()]
    outcomes = run_steps(steps, make_place(), set())
    assert [outcome.found.verdict for outcome in outcomes] == [PASSED, LEFT_OUT, LEFT_OUT, PASSED]
    assert outcomes[1].found.found == "needs 1 GPU"
    assert outcomes[2].found.found == "needs two, which is left out"


def test_two_checks_in_one_folder_are_refused(tmp_path: Path) -> None:
    with alone_in(tmp_path, "a"), pytest.raises(UserError, match="another check"), alone_in(tmp_path, "b"):
        pass
    with alone_in(tmp_path, "c"):  # it is free again
        pass


def start_marked(mark: str) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-c", "import time; time.sleep(600)"]
    return subprocess.Popen(words, env={**os.environ, MARK: mark})


def test_a_start_ends_what_a_killed_one_has_left(tmp_path: Path) -> None:
    mark = new_mark()
    process = start_marked(mark)
    (tmp_path / MARK_FILE).write_text(json.dumps({"mark": mark}))
    with alone_in(tmp_path, new_mark()):
        assert process.wait(HANG_SECONDS) != 0
    assert not (tmp_path / MARK_FILE).exists()


def test_an_interrupt_ends_a_process_that_nobody_waits_for(tmp_path: Path) -> None:
    mark = new_mark()

    def interrupted() -> None:
        with alone_in(tmp_path, mark):
            start_marked(mark)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert marked(mark) == []


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"output_dir: '.*file' cannot be written"),
        alone_in(tmp_path / "file", "a"),
    ):
        pass


def test_settings_name_the_models(make_place: Callable[..., Workplace]) -> None:
    assert make_place().model_name is None
    assert make_place(1).model_name == "Qwen/Qwen3-VL-2B-Instruct"
    assert make_place(1, model="folder").model_name == "folder"
    assert GpuCheckSettings().output_dir == "checkpoints/gpu_check"
