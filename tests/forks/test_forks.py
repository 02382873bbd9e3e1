import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.forks.start import ASKING, forking

IMPORTS = """
import os, sys, types
sys.modules["imported_before"] = module = types.ModuleType("imported_before")
module.process = os.getpid()
"""
SCRIPT = """
import os, sys, time
import imported_before
rank = os.environ.get("PADDLE_TRAINER_ID", "alone")
print(rank, imported_before.process != os.getpid(), os.getcwd(), *sys.argv[1:], flush=True)
if sys.argv[1] == "fails" and rank == "1":
    sys.exit(7)
if sys.argv[1] != "ends":
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of a process that has imported a module of this test."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "imports.py").write_text(IMPORTS)
    with forking(sys.executable, folder / "imports.py", folder, {}) as socket:
        yield socket


def ask(server: Path, processes: int, word: str, folder: Path) -> "subprocess.Popen[str]":
    (folder / "script.py").write_text(SCRIPT)
    words = [sys.executable, "-S", str(ASKING), str(server), str(processes), str(folder), "script.py", word]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True)


def test_a_script_has_what_was_imported_and_its_own_words_folder_and_output(
    server: Path, tmp_path: Path
) -> None:
    process = ask(server, 1, "ends", tmp_path)
    assert process.communicate(timeout=60)[0] == f"alone True {tmp_path} ends\n"
    assert process.returncode == 0


def test_each_of_several_processes_has_its_number_and_its_output(server: Path, tmp_path: Path) -> None:
    process = ask(server, 3, "ends", tmp_path)
    said = [process.communicate(timeout=60)[0]]
    said += [(tmp_path / f"workerlog.{rank}").read_text() for rank in (1, 2)]
    assert said == [f"{rank} True {tmp_path} ends\n" for rank in range(3)]
    assert process.returncode == 0


def test_a_process_that_fails_ends_the_others(server: Path, tmp_path: Path) -> None:
    process = ask(server, 2, "fails", tmp_path)
    process.communicate(timeout=60)
    assert process.returncode == 7
    assert forks_in(tmp_path) == []


def test_forks_end_with_what_asked_for_them(server: Path, tmp_path: Path) -> None:
    process = ask(server, 2, "sleeps", tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("0 ")
    process.kill()
    process.communicate()
    until = time.monotonic() + 60
    while forks_in(tmp_path):
        assert time.monotonic() < until
        time.sleep(0.02)


def forks_in(folder: Path) -> list[int]:
    """Return the processes whose folder this is, but for this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.cwd() == str(folder):
                found.append(process.pid)
        except psutil.Error:  # it has ended, or is another user's
            continue
    return found
