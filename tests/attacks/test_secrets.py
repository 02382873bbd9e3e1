"""Secrets of the environment, and a training that succeeds, fails, or is killed at any moment."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.planted import HUB, SECRETS, files_with_secrets, launcher
from tests.train.conftest import HANG_SECONDS
from train.child_environment import remove_environment_dumps
from train.launch.command import environment
from train.launch.run_folder import make_log_folder
from train.launch.start import train

WELL = "from pathlib import Path; Path(__file__).with_name('run').joinpath('m.safetensors').write_text('1')"
SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("script", "code"), [(WELL, 0), ("raise SystemExit(3)", 1)])
def test_no_secret_stays_after_a_start(
    make_recipe: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    code: int,
) -> None:
    monkeypatch.setattr("train.launch.start.command", lambda *_: launcher(tmp_path, script))
    assert train(make_recipe()) == code
    logs = tmp_path / "run" / "logs"
    assert (logs / "workerlog.0").is_file()
    assert files_with_secrets(tmp_path) == []
    assert not list(logs.glob("envlog.*")) + list(logs.glob("backup_env.*"))
    assert stat.S_IMODE(logs.stat().st_mode) == 0o700


def kill_while_it_trains(folder: Path, recipe: dict[str, str]) -> Path:
    """Start Paddle's launcher with the environment of a recipe, kill all of it, and return the logs."""
    logs = make_log_folder(folder / "run")
    child = subprocess.Popen(launcher(folder, SLEEPS), env=environment(recipe, folder / "run", has_gpu=False))
    worker = logs / "workerlog.0"
    deadline = time.monotonic() + HANG_SECONDS
    while not (worker.is_file() and worker.read_text().strip()) and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.05)
    child.kill()
    child.wait()
    os.kill(int(worker.read_text().split()[-1]), signal.SIGKILL)
    assert list(logs.glob("backup_env.*"))  # the kill left them
    return logs


def test_no_secret_stays_after_a_kill(tmp_path: Path) -> None:
    logs = kill_while_it_trains(tmp_path, {})
    assert files_with_secrets(tmp_path) == []
    remove_environment_dumps(logs)  # as the next start does
    assert not list(logs.glob("backup_env.*"))


def test_a_kill_before_the_trainer_could_clean_leaves_nothing_to_others(
    tmp_path: Path, make_recipe: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download needs a token, the launcher writes it down, and the trainer removes it once it runs."""
    umask = os.umask(0)
    try:
        logs = kill_while_it_trains(tmp_path, HUB)
    finally:
        os.umask(umask)
    left = {
        path for path in tmp_path.rglob("*") if path.is_file() and path.name in files_with_secrets(tmp_path)
    }
    assert left
    assert {path.parent for path in left} == {logs}
    assert stat.S_IMODE(logs.stat().st_mode) == 0o700
    monkeypatch.setattr("train.launch.start.command", lambda *_: launcher(tmp_path, WELL))
    assert train(make_recipe()) == 0  # the next start of the same run
    assert files_with_secrets(tmp_path) == []
