"""Sources of every kind, killed while the images are written: repeated, they end with the same bytes."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prepare.pipeline import prepare_dataset
from prepare.sources.source_settings import EXPRESSION_KINDS
from tests.prepare.sources.small_sources import SETTINGS, SOURCES
from tests.prepare.test_survival import KILLED_AT, ROOT

Make = Callable[..., Any]
KINDS = sorted(set(SOURCES) - {"coco_parquet"})  # test_survival.py kills that one many times


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_resumed(kind: str, tmp_path: Path, recipe_for: Make, read_folder: Make) -> None:
    make, write = SOURCES[kind]
    write(make(), tmp_path / "source")
    source = {**SETTINGS.get(kind, {}), "path": str(tmp_path / "source")}
    changes = {"val_ratio": 0.0} | ({"prompt": "expression"} if kind in EXPRESSION_KINDS else {})
    prepare_dataset(recipe_for(kind, source, output_dir=str(tmp_path / "undisturbed"), **changes))

    lines = [f"  {key}: {value}" for key, value in {"kind": kind, **source}.items()]
    lines = ["source:", *lines, f"output_dir: {tmp_path / 'dataset'}", "categories: source"]
    lines += ["total_samples: null", *(f"{key}: {value}" for key, value in changes.items())]
    (tmp_path / "recipe.yaml").write_text("\n".join(lines))
    words = [sys.executable, "-c", KILLED_AT, "3", "after", str(tmp_path / "recipe.yaml")]
    killed = subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr  # after the marker and two images
    assert not (tmp_path / "dataset/card.json").exists()
    assert len(list((tmp_path / "dataset/images").glob("[0-9]*"))) == 2

    prepare_dataset(recipe_for(kind, source, **changes))
    assert read_folder(tmp_path / "dataset") == read_folder(tmp_path / "undisturbed")
