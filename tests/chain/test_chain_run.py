"""Chains of real commands: what runs, what is kept, and what is left after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from chain import chain_run
from chain.chain_record import CHAIN_JSON, only_chain
from chain.step_process import CHAIN_MARK, run_step
from grounding.errors import UserError
from tests.chain.conftest import ROOT, RunSmall

ALL = ["prepare.shapes", "prepare", "train.tiny", "prepare", "visualize"]
FOLDER = Path("checkpoints/chains/small")


def seed_of(folder: str) -> int:
    seed = json.loads(Path(folder, "card.json").read_text())["recipe"]["seed"]
    return int(seed)


def test_a_chain_runs_once_and_then_only_what_changed(run_small: RunSmall) -> None:
    assert run_small() == ALL
    assert run_small() == []
    assert run_small("other.seed=8") == ["prepare"]
    assert (seed_of("other"), seed_of("other.old1")) == (8, 7)
    assert run_small("other.seed=8", "data.seed=5") == ["prepare", "visualize"]
    assert (seed_of("data"), seed_of("data.old1")) == (5, 42)
    assert run_small("other.seed=8") == [
        "prepare",
        "visualize",
    ]  # back again: the old one is not what is there
    assert (seed_of("data"), seed_of("data.old2")) == (42, 5)


def test_a_lost_output_is_made_again_and_what_depends_on_it_stays(run_small: RunSmall, here: Path) -> None:
    run_small()
    (here / "source").rename(here / "elsewhere")
    assert run_small() == ["prepare.shapes"]
    (here / "data" / "train.jsonl").write_text("{}\n")
    assert run_small() == ["prepare"]  # the same bytes again, so that the sheet stays
    assert run_small() == []
    assert not (here / "data.old1").exists()


def test_the_table_names_steps_times_and_places(
    run_small: RunSmall, capsys: pytest.CaptureFixture[str]
) -> None:
    run_small()
    shown = capsys.readouterr().out
    table = shown[shown.index("step ") :].splitlines()[2:7]
    assert [line.split()[0] for line in table] == ["shapes", "data", "base", "other", "sheet"]
    assert [line.split()[-1] for line in table] == ["source", "data", "base", "other", "sheet.png"]
    assert "| sheet | visualize |" in (FOLDER / "chain.md").read_text()
    run_small("data.seed=5", "--dry-run")
    plan = capsys.readouterr().out
    assert "seed: none -> 5" in plan
    assert "data runs before it" in plan
    assert not Path("data.old1").exists()


def test_until_runs_a_step_and_those_before_it(run_small: RunSmall) -> None:
    assert run_small("--until", "data") == ["prepare.shapes", "prepare"]
    assert run_small() == ["train.tiny", "prepare", "visualize"]


def test_a_failed_step_ends_the_chain_with_its_code_and_the_command_to_go_on(
    run_small: RunSmall, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (here / "data").mkdir()
    (here / "data" / "mine.txt").write_text("mine")
    assert run_small("data.seed=5", code=2) == ["prepare.shapes", "prepare: 2"]
    assert "to go on: python -m chain small.yaml data.seed=5" in caplog.text
    (here / "data" / "mine.txt").rename(here / "mine.txt")
    assert run_small("data.seed=5") == ALL[1:]
    assert not (here / "data.old1").exists()


def test_a_recipe_that_changed_runs_again_and_a_comment_does_not(run_small: RunSmall, here: Path) -> None:
    recipe = here / "mine.yaml"
    text = (ROOT / "recipes" / "prepare" / "demo.yaml").read_text()
    recipe.write_text(text)
    chain = here / "small.yaml"
    chain.write_text(chain.read_text().replace(f"{ROOT}/recipes/prepare/demo.yaml", "mine.yaml"))
    assert run_small() == ALL
    recipe.write_text(f"{text}\n# a comment\n")
    assert run_small() == []
    recipe.write_text(f"{text}\nmin_grid_size: 3\n")
    assert run_small() == ["prepare", "prepare", "visualize"]


def test_a_given_folder_that_changed_runs_what_reads_it(run_small: RunSmall, here: Path) -> None:
    run_small("--until", "shapes")
    (here / "source").rename(here / "given")
    chain = here / "small.yaml"
    text = chain.read_text()
    chain.write_text(
        text.replace('source.path: "{shapes}", output_dir: data', "source.path: given, output_dir: data")
    )
    assert run_small() == ["prepare.shapes", *ALL[1:]]
    file = here / "given" / "note.txt"
    file.write_text("another file")
    assert run_small() == ["prepare", "visualize"]


def test_two_chains_of_one_folder_do_not_run_at_once(run_small: RunSmall, here: Path) -> None:
    with only_chain(FOLDER), pytest.raises(UserError, match="another process runs this chain"):
        run_small()


@pytest.mark.parametrize("moment", ["before the command", "in the command", "before the record"])
def test_a_killed_chain_goes_on_where_it_was(
    run_small: RunSmall, ran: list[str], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The record is left as a kill leaves it, at each moment of a step that replaces a result."""
    run_small()
    real = chain_run.run_step

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    def killed(words: tuple[str, ...], mark: str) -> int:
        if words[0] == "prepare" and moment != "before the command":
            assert real(words, mark) == 0
        raise Killed

    before = Path(FOLDER, CHAIN_JSON)
    with monkeypatch.context() as patch:
        patch.setattr(chain_run, "run_step", killed)
        patch.setattr(chain_run, "_run_recorded", lambda step, records, folder: killed(step.words, "none"))
        if moment == "in the command":
            patch.setattr("prepare.pipeline.finish_folder", kill)
        with pytest.raises(Killed):
            run_small("data.seed=5")
    assert json.loads(before.read_text())["steps"]["data"]["state"] == "running"
    assert run_small("data.seed=5") == ["prepare", "visualize"]
    assert seed_of("data") == 5
    assert seed_of("data.old1") == 42
    assert not Path("data.old2").exists()
    assert run_small("data.seed=5") == []


def test_what_a_killed_chain_has_left_running_is_ended_first(run_small: RunSmall, here: Path) -> None:
    run_small("--until", "data")
    record = Path(FOLDER, CHAIN_JSON)
    content = json.loads(record.read_text())
    content["steps"]["data"] |= {"state": "running", "mark": "left running"}
    record.write_text(json.dumps(content))
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(99)"],
        env={**os.environ, CHAIN_MARK: "left running"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert left.stdout is not None
    left.stdout.readline()
    assert run_small("--until", "data", "--dry-run") == []
    assert left.poll() is None
    assert run_small("--until", "data") == ["prepare"]
    assert left.wait() == -signal.SIGTERM
    left.stdout.close()


WAITING = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"])
pathlib.Path("started").write_text(f"{os.getpid()} {child.pid}")
try:
    time.sleep(99)
except KeyboardInterrupt:
    pathlib.Path("told").write_text("interrupted")
    sys.exit(130)
"""


def wait_for(path: Path, process: "subprocess.Popen[bytes]") -> str:
    while not (path.is_file() and path.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    return path.read_text()


def is_running(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("number", "handler"),
    [
        (signal.SIGINT, "default_int_handler"),
        (signal.SIGTERM, "default_int_handler"),
        (signal.SIGTERM, "SIG_IGN"),  # of jobs that a shell starts in the background
    ],
)
def test_a_signal_interrupts_the_command_and_ends_what_it_started(
    here: Path, number: signal.Signals, handler: str
) -> None:
    (here / "waiting.py").write_text(WAITING)
    program = f"import signal; signal.signal(signal.SIGINT, signal.{handler})\n"
    program += "from chain.step_process import run_step; run_step(['waiting'], 'a mark')"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{here}"},
        stderr=subprocess.DEVNULL,
    )
    ids = wait_for(here / "started", process).split()
    process.send_signal(number)
    assert process.wait() != 0
    assert (here / "told").read_text() == "interrupted"
    assert not any(is_running(int(one)) for one in ids)


def test_a_command_that_a_signal_ends_has_its_shell_code(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "ended.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.setenv("PYTHONPATH", str(here))
    assert run_step(["ended"], "another mark") == 137
