import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.infer.suite.drawn_sets import write_sets
from train.launch import finished_suites
from train.launch.finished_suites import measure_finished, suites_of
from train.launch.sequence import train_sequence

Make = Callable[..., Path]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    return write_sets(tmp_path, 1)


def write_suite(path: Path, dataset: Path, more: str = "") -> Path:
    keys = "answers: {device: cpu, max_new_tokens: 4, limit: 2}\ndraws: 10\nmetrics: [AP50, images]\n"
    path.write_text(f"sets: {{small: {{dataset: {dataset}}}}}\n{keys}{more}", encoding="utf-8")
    return path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of suites that would have been run; a suite called `broken` fails."""
    commands: list[list[str]] = []

    def run(command: Sequence[str]) -> int:
        commands.append(list(command[1:]))
        return 2 if "broken" in command[3] else 0

    monkeypatch.setattr(finished_suites, "run_to_end", run)
    return commands


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recipes that would have been trained; one called `failing` fails."""
    names: list[str] = []

    def train(path: Path, words: Sequence[str]) -> int:
        names.append(path.stem)
        return 3 if path.stem == "failing" else 0

    monkeypatch.setattr("train.launch.sequence.train", train)
    return names


def test_each_suite_is_named_once_in_its_order() -> None:
    assert suites_of([{"grounding_eval_suites": ["b", "a"]}, {}, {"grounding_eval_suites": ["a", "c"]}]) == [
        "b",
        "a",
        "c",
    ]
    assert suites_of([{"grounding_eval_suites": None}]) == []


def test_the_suites_are_run_on_the_finished_checkpoint(
    make_recipe: Make, tmp_path: Path, prepared: Path, trained: list[str], measured: list[list[str]]
) -> None:
    suite = write_suite(tmp_path / "small.yaml", prepared / "set00")
    recipe = make_recipe(grounding_eval_suites=[str(suite)], output_dir=str(tmp_path / "own"))
    assert train_sequence([recipe], ["gpus=1"]) == 0
    assert train_sequence([recipe], [f"output_dir={tmp_path / 'other'}"]) == 0
    assert measured == [
        ["-m", "infer.suite", str(suite), f"checkpoint={tmp_path / name}"] for name in ("own", "other")
    ]


def test_of_a_row_of_recipes_the_last_checkpoint_is_measured(
    make_recipe: Make, tmp_path: Path, prepared: Path, trained: list[str], measured: list[list[str]]
) -> None:
    suites = [str(write_suite(tmp_path / f"{name}.yaml", prepared / "set00")) for name in ("a", "b")]
    first = make_recipe(output_dir=str(tmp_path / "first"), grounding_eval_suites=suites[:1])
    first = first.rename(tmp_path / "first.yaml")
    second = make_recipe(
        output_dir=str(tmp_path / "second"),
        model_name_or_path=str(tmp_path / "first"),
        grounding_eval_suites=suites,
    )
    assert train_sequence([first, second]) == 0
    assert trained == ["first", second.stem]
    assert [command[2:] for command in measured] == [
        [suite, f"checkpoint={tmp_path / 'second'}"] for suite in suites
    ]


def test_a_run_that_failed_is_not_measured(
    make_recipe: Make, tmp_path: Path, prepared: Path, trained: list[str], measured: list[list[str]]
) -> None:
    suite = write_suite(tmp_path / "small.yaml", prepared / "set00")
    recipe = make_recipe(grounding_eval_suites=[str(suite)]).rename(tmp_path / "failing.yaml")
    assert train_sequence([recipe]) == 3
    assert measured == []


def test_a_suite_that_fails_gives_its_exit_code_and_the_others_are_run(
    tmp_path: Path, measured: list[list[str]]
) -> None:
    assert measure_finished(["broken.yaml", "whole.yaml"], tmp_path) == 2
    assert [command[2] for command in measured] == ["broken.yaml", "whole.yaml"]


def test_other_nodes_measure_nothing(
    tmp_path: Path, measured: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_suites, "this_node", lambda: type("Node", (), {"rank": 1})())
    assert measure_finished(["a.yaml"], tmp_path) == 0
    assert measured == []


def test_the_table_of_a_real_model_stands_beside_its_checkpoint(
    tmp_path: Path, prepared: Path, tiny_model: Path
) -> None:
    checkpoint = tmp_path / "run"
    checkpoint.mkdir()
    for file in tiny_model.iterdir():
        os.link(file, checkpoint / file.name)
    suite = write_suite(tmp_path / "small.yaml", prepared / "set00")
    assert measure_finished([str(suite)], checkpoint) == 0
    table = json.loads((checkpoint / "suites" / "small" / "suite.json").read_text())
    assert table["checkpoint"] == str(checkpoint)
    assert table["rows"][0]["values"] == {"AP50": 0.0, "images": 2}
    assert "| small |" in (checkpoint / "suites" / "small" / "suite.md").read_text()


def test_a_signal_ends_the_suite_with_the_command(tmp_path: Path) -> None:
    program, started = tmp_path / "start.py", tmp_path / "started"
    told = f"pathlib.Path({str(started)!r}).write_text(str(os.getpid()))"
    waiting = f"import os, pathlib, time; {told}; time.sleep(99)"
    program.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from train.launch.child_command import run_to_end\n"
        f"run_to_end([sys.executable, '-c', {waiting!r}])\n"
    )
    process = subprocess.Popen([sys.executable, str(program)], stderr=subprocess.DEVNULL)
    while not (started.is_file() and started.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait() != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
