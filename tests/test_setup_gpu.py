"""What `make setup-gpu` and `make setup-fleet` would run, and whether the lock file suits them.

Paddle's index has the packages, and a test cannot count on reaching it: nothing is installed here.
"""

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
TARGETS = {"setup-gpu": ".venv", "setup-fleet": ".venv-fleet"}
FROM_PADDLE = {
    "setup-gpu": {"paddlepaddle-gpu"},
    "setup-fleet": {"paddlepaddle-gpu", "paddlefleet", "paddlefleet-ops"},
}


def make(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    return subprocess.run(
        ["make", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )


@pytest.mark.parametrize("cuda", ["cu126", "cu129", "cu130"])
@pytest.mark.parametrize("target", TARGETS)
def test_paddles_packages_come_from_paddles_index_alone(target: str, cuda: str, tmp_path: Path) -> None:
    done = make("-n", target, f"CUDA={cuda}", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = re.findall(r"^.*\bpip\b.* install\b.*$", done.stdout.replace("\\\n", ""), re.MULTILINE)
    assert re.findall(r"--(\S*(?:index|links)\S*) (\S+)", first) == [
        ("index-url", f"https://www.paddlepaddle.org.cn/packages/stable/{cuda}/")
    ]
    assert first.startswith("PIP_CONFIG_FILE=/dev/null ")
    assert {"--isolated", "--no-deps"} <= set(first.split())
    named = dict(word.split("==") for word in first.split() if "==" in word)
    assert named.keys() == FROM_PADDLE[target]
    assert (target, named["paddlepaddle-gpu"]) in {("setup-gpu", "3.3.1"), ("setup-fleet", "3.4.0")}
    # The second knows those by the versions that are installed, and never asks Paddle's index.
    assert "paddlepaddle.org" not in second
    assert "list --format=freeze" in second
    assert second.index("> ") < second.index("install")
    assert "-r" in second.split()
    assert not re.search(r"--\S*(index|links)", second)
    assert "nightly" not in done.stdout
    folders = set(re.findall(r"(?<!\S)(\.venv[\w-]*)/", done.stdout))
    assert folders == {TARGETS[target]}


@pytest.mark.parametrize("cuda", ["cu118", "", "cu126 cu129", "%", "nightly/cu126", "CU126"])
@pytest.mark.parametrize("target", TARGETS)
def test_another_cuda_is_one_line(target: str, cuda: str, tmp_path: Path) -> None:
    done = make(target, f"CUDA={cuda}", folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert f"CUDA={cuda} is none of cu126 cu129 cu130" in line
    assert {path.name for path in tmp_path.iterdir()} == {"Makefile", "requirements.lock"}


def locked() -> dict[str, str]:
    """Return the versions that the lock file has for this Python and this system, without Paddle's."""
    lines = (Requirement(line) for line in LOCK.read_text(encoding="utf-8").splitlines())
    found = {
        canonicalize_name(line.name): next(iter(line.specifier)).version
        for line in lines
        if line.marker is None or line.marker.evaluate()
    }
    del found["paddlepaddle"]
    return found


def needs(name: str) -> Iterator[Requirement]:
    """Yield what a package requires here, without its extras."""
    for text in requires(name) or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def test_the_rest_of_the_lock_file_needs_nothing_of_the_cpu_build() -> None:
    """Every pinned package finds its requirements among the pins, and none asks for the CPU build."""
    pins = locked()
    assert pins["paddleformers"] == "1.2.0"
    checked = 0
    for name in pins:
        try:
            if version(name) != pins[name]:
                continue
        except PackageNotFoundError:
            continue
        checked += 1
        for requirement in needs(name):
            needed = canonicalize_name(requirement.name)
            assert needed in pins, f"{name} needs {requirement}"
            assert requirement.specifier.contains(Version(pins[needed]), prereleases=True), (
                name,
                requirement,
            )
    assert checked > 100
    for requirement in needs("paddlepaddle"):  # the GPU build needs these, and the packages of CUDA
        pinned = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(Version(pinned)), requirement


def add_wheel(index: Path, name: str, number: str, needed: tuple[str, ...], origin: str) -> None:
    """Put a package into an index on disk; its one module says where it comes from."""
    module, folder = name.replace("-", "_"), index / name
    folder.mkdir(parents=True, exist_ok=True)
    wheel = f"{module}-{number}-py3-none-any.whl"
    metadata = "".join(f"Requires-Dist: {each}\n" for each in needed)
    about = f"{module}-{number}.dist-info"
    files = {
        f"{module}.py": f"ORIGIN = {origin!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n{metadata}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{about}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"]))
    links = (f'<a href="{path.name}">{path.name}</a>' for path in sorted(folder.glob("*.whl")))
    (folder / "index.html").write_text("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>")


@pytest.mark.parametrize("target", TARGETS)
def test_a_package_of_paddles_name_on_the_public_index_is_not_taken(target: str, tmp_path: Path) -> None:
    paddle, public = tmp_path / "index" / "stable" / "cu126", tmp_path / "public"
    for name in FROM_PADDLE[target]:
        number = "0.3.0" if "fleet" in name else {"setup-gpu": "3.3.1", "setup-fleet": "3.4.0"}[target]
        add_wheel(paddle, name, number, ("helper",), "paddle")
        for more in (number, f"{number}.post1", "99"):
            add_wheel(public, name, more, (), "stranger")
    add_wheel(public, "helper", "1.0", tuple(FROM_PADDLE[target]), "public")
    (tmp_path / "work").mkdir()
    shutil.copy(ROOT / "Makefile", tmp_path / "work")
    (tmp_path / "work" / "requirements.lock").write_text("helper==1.0\npaddlepaddle==3.3.1\n")
    done = subprocess.run(
        ["make", target, "CUDA=cu126", f"PADDLE_INDEX=file://{tmp_path / 'index'}"]
        + [f"{python}={sys.executable}" for python in ("PYTHON", "FLEET_PYTHON")],
        cwd=tmp_path / "work",
        env={
            "PATH": "/usr/bin:/bin",
            "PIP_INDEX_URL": f"file://{public}",
            "PIP_EXTRA_INDEX_URL": f"file://{public}",
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_NO_CACHE_DIR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [site] = (tmp_path / "work" / TARGETS[target]).glob("lib/python*/site-packages")
    found = {name: (site / f"{name.replace('-', '_')}.py").read_text() for name in FROM_PADDLE[target]}
    assert found == dict.fromkeys(FROM_PADDLE[target], "ORIGIN = 'paddle'\n")
    assert (site / "helper.py").read_text() == "ORIGIN = 'public'\n"
