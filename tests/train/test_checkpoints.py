import logging
from pathlib import Path
from typing import Any

import pytest

from train.checkpoints import newest_checkpoint, seal, what_is_missing


def make_checkpoint(folder: Path, step: int) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    (checkpoint / "model_state").mkdir(parents=True)
    (checkpoint / "model_state" / "0_0.distcp").write_bytes(b"weights" * 100)
    (checkpoint / "scheduler.pdparams").write_bytes(b"rate")
    return checkpoint


def test_newest_checkpoint_is_the_highest_number(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    for step in (20, 100, 9):
        seal(make_checkpoint(tmp_path, step))
    make_checkpoint(tmp_path, 120)  # a kill came before the seal
    (tmp_path / "checkpoint-best").mkdir()
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-100"
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["checkpoint-100", "checkpoint-20", "checkpoint-9", "checkpoint-best"]


def cut_off(checkpoint: Path) -> str:
    shard = checkpoint / "model_state" / "0_0.distcp"
    shard.write_bytes(shard.read_bytes()[:300])
    return "0_0.distcp has 300 of 700 bytes"


def lose_a_file(checkpoint: Path) -> str:
    (checkpoint / "scheduler.pdparams").unlink()
    return "no scheduler.pdparams"


def lose_the_seal(checkpoint: Path) -> str:
    (checkpoint / "files.json").unlink()
    return "no files.json"


def break_the_seal(checkpoint: Path) -> str:
    (checkpoint / "files.json").write_text('{"model_st')
    return "no files.json"


@pytest.mark.parametrize("harm", [cut_off, lose_a_file, lose_the_seal, break_the_seal])
def test_a_half_written_checkpoint_is_skipped_and_said(
    tmp_path: Path, harm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for step in (4, 8):
        seal(make_checkpoint(tmp_path, step))
    problem = harm(tmp_path / "checkpoint-8")
    assert what_is_missing(tmp_path / "checkpoint-4") is None
    with caplog.at_level(logging.WARNING):
        assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-4"
    assert len(caplog.messages) == 1
    assert "checkpoint-8: skipped" in caplog.text
    assert problem in caplog.text
    assert not (tmp_path / "checkpoint-8").exists()
