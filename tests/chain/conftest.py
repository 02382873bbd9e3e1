"""A chain of small steps in an empty folder, whose commands are run in this process."""

import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from chain import chain_run
from chain.__main__ import main

ROOT = Path(__file__).parents[2]
SMALL = f"""# a chain of small steps
steps:
  shapes: {{run: prepare.shapes, output: source, overrides: {{images: 4, val_images: 2}}}}
  data:
    run: prepare
    recipe: {ROOT}/recipes/prepare/demo.yaml
    overrides: {{source.path: "{{shapes}}", output_dir: data}}
  base: {{run: train.tiny, output: base}}
  other:
    run: prepare
    recipe: {ROOT}/recipes/prepare/demo.yaml
    overrides: {{source.path: "{{shapes}}", output_dir: other, seed: 7}}
  sheet: {{run: visualize, words: [--jsonl, "{{data}}/train.jsonl", --sheet], output: sheet.png}}
"""

RunSmall = Callable[..., list[str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were run: real ones, in this process and not in their own."""
    outputs: list[str] = []

    def run_here(words: Sequence[str], mark: str) -> int:
        del mark
        monkeypatch.setattr(sys, "argv", list(words))
        try:
            runpy.run_module(words[0], run_name="__main__", alter_sys=False)
        except SystemExit as ended:
            code = int(ended.code or 0)
        outputs.append(words[0] + ("" if code == 0 else f": {code}"))
        return code

    monkeypatch.setattr(chain_run, "run_step", run_here)
    return outputs


@pytest.fixture
def run_small(here: Path, ran: list[str]) -> RunSmall:
    """Run the small chain with `STEP.KEY=VALUE` words, and return the commands that ran."""
    (here / "small.yaml").write_text(SMALL, encoding="utf-8")

    def run(*words: str, code: int = 0) -> list[str]:
        ran.clear()
        assert main(["small.yaml", *words]) == code
        return list(ran)

    return run
