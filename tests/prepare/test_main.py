import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.parametrize("module", ["prepare", "prepare.shapes"])
def test_help_lists_the_keys(module: str) -> None:
    result = run(module, "--help")
    assert result.returncode == 0
    assert "seed" in result.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'pyarrow', 'PIL', 'omegaconf', 'tqdm'}"
    code = f"import sys, prepare.__main__, prepare.shapes; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) == "[]\n"


def test_the_two_demo_commands(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "dataset"
    assert run("prepare.shapes", str(source), "images=40", "val_images=8").returncode == 0
    words = ["recipes/prepare/demo.yaml", f"source.path={source}", f"output_dir={folder}"]
    result = run("prepare", *words)
    assert result.returncode == 0, result.stderr
    header, _, train, val, *_ = result.stdout.splitlines()
    assert header.split()[:2] == ["images", "records"]
    assert train.split()[:2] == ["train", "40"]
    assert val.split()[:2] == ["val", "8"]
    assert "left out: nothing" in result.stdout
    assert "already prepared" in run("prepare", *words).stderr


@pytest.mark.parametrize("hub", ["huggingface", "modelscope"])
def test_an_unreachable_hub_is_one_line_with_the_command(hub: str, tmp_path: Path) -> None:
    result = run(
        "prepare",
        "recipes/prepare/coco.yaml",
        f"output_dir={tmp_path / 'dataset'}",
        DOWNLOAD_SOURCE=hub,
        HF_ENDPOINT="http://127.0.0.1:9",
        MODELSCOPE_DOMAIN="127.0.0.1:9",
        HF_HOME=str(tmp_path / "cache"),
        no_proxy="127.0.0.1",
    )
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert " download --repo-type dataset " in line
    assert "source.hub=local source.path=data/coco_source" in line
    assert not (tmp_path / "dataset").exists()
