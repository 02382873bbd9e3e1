"""A box head goes with its model into the export, and with no other."""

import shutil
from pathlib import Path

import pytest

from infer.engines.box_head_place import find_box_head
from infer.engines.checkpoint import find_checkpoint, fingerprint_checkpoint
from infer.engines.settings import EngineSettings
from models.heads.box_file import read_box_head
from tests.models.heads.random_head import save_random_head
from train.export.folder_writer import export


@pytest.fixture
def run(tiny_model: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_model, tmp_path / "run")
    return tmp_path / "run"


def test_the_head_of_a_run_belongs_to_its_export(run: Path) -> None:
    before = fingerprint_checkpoint(find_checkpoint(run))
    path = save_random_head(run, before)
    assert fingerprint_checkpoint(find_checkpoint(run)) == before  # a head does not change its checkpoint
    folder = export(run)
    head = find_box_head(EngineSettings(checkpoint=str(folder), score="head"), find_checkpoint(folder))
    assert head is not None
    known = read_box_head(path)
    assert (head.card.trained_on, known.card.checkpoint) == (before, before)
    assert all((head.weights[name] == values).all() for name, values in known.weights.items())


def test_the_head_of_another_checkpoint_is_left_out(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_random_head(run, "another")
    assert not (export(run) / "box_head").exists()
    assert "left out: it was made for another checkpoint: run `python -m train.box_head`" in caplog.text
