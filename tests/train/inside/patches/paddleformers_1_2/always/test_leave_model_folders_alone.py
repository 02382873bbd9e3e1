"""The folder that a run starts from: it stays as it is, and what another run has left in it does no harm."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from train.inside.patches.paddleformers_1_2.always.leave_model_folders_alone import leave_model_folders_alone

INDEX = "flex-ckpt.auto_generated.metadata"


def test_a_model_is_loaded_beside_a_run_that_is_loading_it(
    tiny_model: Path, tmp_path: Path, load_model: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from paddleformers.transformers import model_utils

    monkeypatch.setattr(model_utils, "dist", model_utils.dist)
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns(INDEX))
    (folder / f"{INDEX}.lock").write_bytes(b"")  # of a run that is writing, or was killed
    files = {path.name for path in folder.iterdir()}
    with pytest.raises(IndexError):
        load_model(folder)  # without the patch
    assert leave_model_folders_alone() == "leave_model_folders_alone"
    expected = load_model(tiny_model).state_dict()
    found = load_model(folder).state_dict()
    assert found.keys() == expected.keys()
    assert all((found[name] == expected[name]).all() for name in expected)
    assert {path.name for path in folder.iterdir()} == files
