"""`python -m prepare.cache` starts the command of train, and ends as it ends."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prepare.cache.__main__ import main


def test_the_command_of_train_gets_data_set_recipe_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def start(words: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        del options
        started.append(words)
        return real([sys.executable, "-c", "raise SystemExit(2)"])

    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", start)
    assert main(["data/demo", "recipes/train/tiny_full.yaml", "max_pixels=4096", "processes=2"]) == 2
    recipe = str(Path("recipes/train/tiny_full.yaml"))
    words = [recipe, f"dataset={Path('data/demo')}", "max_pixels=4096", "processes=2"]
    assert started == [[sys.executable, "-m", "train.cache", *words]]


def test_an_interrupted_command_waits_for_the_process_and_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted:
        waits = 0

        def wait(self) -> int:
            self.waits += 1
            if self.waits == 1:
                raise KeyboardInterrupt
            return 130

    monkeypatch.setattr(subprocess, "Popen", lambda words: Interrupted())
    assert main(["data/demo", "recipes/train/tiny_full.yaml"]) == 130
