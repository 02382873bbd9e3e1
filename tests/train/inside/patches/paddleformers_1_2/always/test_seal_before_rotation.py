import json
from pathlib import Path
from typing import Any

import pytest

from train.inside.patches.paddleformers_1_2.always.seal_before_rotation import seal_before_rotation


def make_checkpoint(folder: Path, step: int) -> None:
    checkpoint = folder / f"checkpoint-{step}"
    (checkpoint / "model_state").mkdir(parents=True)
    (checkpoint / "model_state" / "0_0.distcp").write_bytes(b"weights" * 100)
    (checkpoint / "scheduler.pdparams").write_bytes(b"rate")


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
