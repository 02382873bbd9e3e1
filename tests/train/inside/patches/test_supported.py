import runpy
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from grounding.errors import UserError, run_command
from train.check import main
from train.inside.patches import supported
from train.inside.patches.supported import PATCHED_VERSION, refuse_other_versions
from train.launch.command import PLUGIN


@pytest.fixture
def other_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supported, "version", lambda package: "1.3.0")


def test_the_installed_version_is_accepted() -> None:
    refuse_other_versions()


def test_a_build_for_another_device_is_the_same_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supported, "version", lambda package: f"{PATCHED_VERSION}+cu126")
    refuse_other_versions()


@pytest.mark.usefixtures("other_version")
def test_another_version_is_refused_in_one_line(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(lambda: main([str(recipe)])) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "paddleformers 1.3.0 is installed" in said
    assert "install paddleformers==1.2.0" in said


@pytest.mark.usefixtures("other_version")
def test_the_plug_in_refuses_it_before_it_changes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.inside.patches.needed.apply_patches", lambda recipe: pytest.fail("patched"))
    with pytest.raises(UserError, match=r"paddleformers 1\.3\.0 is installed"):
        runpy.run_path(str(PLUGIN), run_name="plugin")


def test_no_paddleformers_is_a_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(supported, "version", missing)
    with pytest.raises(UserError, match="paddleformers is not installed"):
        refuse_other_versions()
