"""Resuming from a checkpoint of somebody else runs none of its code, and an honest one resumes."""

import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.train.conftest import STEPS, TrainHere

NAMES = ("scheduler.pdparams", "rng_state_0.pth", "trainer_state.bin")


class Command:
    def __init__(self, words: str) -> None:
        self.words = words

    def __reduce__(self) -> Any:
        return os.system, (self.words,)


@pytest.mark.slow
@pytest.mark.xdist_group("runs")
def test_a_strangers_checkpoint_runs_no_code(
    full_run: Path, write_recipe: Callable[..., Path], train_here: TrainHere, tmp_path: Path
) -> None:
    copy = tmp_path / "stranger" / f"checkpoint-{STEPS}"
    shutil.copytree(full_run / copy.name, copy)
    recipe = write_recipe(tmp_path, max_steps=STEPS + 2, resume_from_checkpoint=str(copy))
    honest = {name: (copy / name).read_bytes() for name in NAMES}
    for name in NAMES:
        (copy / name).write_bytes(pickle.dumps(Command(f"touch {tmp_path / 'written'}")))
    code, said = train_here([recipe], [])
    assert code == 1
    assert "refers to posix.system, which no checkpoint of PaddleFormers has" in said
    assert "it is no complete checkpoint of this project (" in said  # the seal knows other lengths
    assert not (tmp_path / "written").exists()

    for name in NAMES:
        (copy / name).write_bytes(honest[name])
    code, said = train_here([recipe], [])
    assert code == 0, said
    assert "no complete checkpoint" not in said
    assert mean_loss(tmp_path / "run") == pytest.approx(mean_of_all(full_run, tmp_path / "run"), rel=1e-4)


def mean_loss(run: Path) -> float:
    return float(json.loads((run / "all_results.json").read_text())["train_loss"])


def mean_of_all(*runs: Path) -> float:
    """Return the mean of the losses in the logs of runs."""
    texts = [(run / "logs" / "train.log").read_text(encoding="utf-8") for run in runs]
    losses = [
        float(loss) for text in texts for loss in re.findall(r"\bloss: ([\d.e-]+), learning_rate: ", text)
    ]
    assert len(losses) == STEPS + 2
    return sum(losses) / len(losses)
