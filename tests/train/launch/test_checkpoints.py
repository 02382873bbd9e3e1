import json
import logging
from pathlib import Path
from typing import Any

import pytest

from train.launch.checkpoints import newest_checkpoint, seal, seal_before_rotation, what_is_missing


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


def test_an_older_checkpoint_goes_only_after_the_new_one_is_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paddleformers.trainer import Trainer

    seen: list[bool] = []

    class Arguments:
        output_dir = str(tmp_path)
        local_rank = -1

    class State:
        global_step = 8

    class Fake:
        args, state = Arguments, State

    def save(self: Any, model: Any, metrics: Any = None) -> None:
        make_checkpoint(tmp_path, 8)
        Trainer._rotate_checkpoints(self, use_mtime=True, output_dir=str(tmp_path))  # too early
        assert not seen
        (tmp_path / "checkpoint-8" / "late.bin").write_bytes(b"123")
        (tmp_path / "checkpoint-8" / ".files.json.7.part").touch()  # another node writes its seal

    def rotate(self: Any, use_mtime: bool = False, output_dir: str | None = None) -> None:
        seen.append((tmp_path / "checkpoint-8" / "files.json").is_file())

    monkeypatch.setattr(Trainer, "_save_checkpoint", save)
    monkeypatch.setattr(Trainer, "_rotate_checkpoints", rotate)
    seal_before_rotation()
    Trainer._save_checkpoint(Fake(), None)
    assert seen == [True]
    sealed = json.loads((tmp_path / "checkpoint-8" / "files.json").read_text())
    assert sealed == {"late.bin": 3, "model_state/0_0.distcp": 700, "scheduler.pdparams": 4}


def test_a_save_that_fails_leaves_the_older_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paddleformers.trainer import Trainer

    rotated: list[int] = []

    def save(self: Any, model: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Trainer, "_save_checkpoint", save)
    monkeypatch.setattr(Trainer, "_rotate_checkpoints", lambda self, **_: rotated.append(1))
    seal_before_rotation()
    with pytest.raises(OSError, match="No space left"):
        Trainer._save_checkpoint(object(), None)
    assert not rotated
    Trainer._rotate_checkpoints(None)  # back in its place
    assert rotated == [1]
