"""The command that scores predictions."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infer.scoring.made_predictions import right_answers, write_rows

ROOT = Path(__file__).parents[2]


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)


def test_the_command_writes_scores_tables_and_results(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "after" / "predictions.jsonl", right_answers(dataset.path))
    assert run("infer.score", str(path.parent)).stderr.startswith("error: ")
    done = run("infer.score", str(path.parent), "--dataset", str(dataset.path))
    assert (done.returncode, done.stderr) == (0, "")
    assert "7 of 7 images scored" in done.stdout
    assert sorted(item.name for item in path.parent.iterdir()) == [
        "coco_results.json", "predictions.jsonl", "scores.json", "scores.md",
    ]  # fmt: skip
    saved = json.loads((path.parent / "scores.json").read_text(encoding="utf-8"))
    assert {"AP50", "mean_iou", "f1_50", "readable"} <= saved.keys()
    assert saved["intervals"]["f1_50"] == [1, 1]
    assert saved["bootstrap"] == {"draws": 1000, "seed": 0, "percent": 95}
    assert saved["per_category"]["red square"]["AP50"] == pytest.approx(1)
    assert saved["per_category"]["green circle"]["AP"] is None
    text = (path.parent / "scores.md").read_text(encoding="utf-8")
    assert "| F1 at IoU 0.50 | f1_50 | 100.0% | 100.0 to 100.0 |" in text
    assert "| red square | 100.0% |" in text
    assert run("infer.score", str(path.parent), "--draws", "-1").returncode == 2
