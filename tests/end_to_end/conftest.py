import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*words: str, cwd: Path) -> str:
    """Run a command as a user would and return its output; an exit code other than 0 fails the test."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for name in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "ARGS"):  # set by the `make test` that runs this
        environment.pop(name, None)
    done = subprocess.run(
        words, cwd=cwd, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(done.stdout)
    assert done.returncode == 0, f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout[-3000:]}"
    return done.stdout


def copy_project(folder: Path) -> Path:
    """Copy the project's own files into a new folder, with the environment of this one."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project's own files in a new folder."""
    return copy_project(tmp_path / "clone")


@dataclass(frozen=True)
class Demo:
    """A folder in which `make demo` has run, and the output of that."""

    folder: Path
    shown: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Run `make demo` in a new folder, once for all tests of its results."""
    folder = copy_project(tmp_path_factory.mktemp("demo") / "clone")
    return Demo(folder, run("make", "demo", cwd=folder))
