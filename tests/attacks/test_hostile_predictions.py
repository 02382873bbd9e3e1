"""A predictions.jsonl that somebody else made, given to the commands that read one."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infer.conftest import write_dataset

ROOT = Path(__file__).parents[2]
GOOD: dict[str, Any] = {"image_id": 101, "detections": [{"label": "red square", "box": [1, 2, 3, 4]}]}


@pytest.mark.parametrize(
    "row",
    [
        {**GOOD, "image": "/etc/hostname"},
        {**GOOD, "detections": "red"},
        {**GOOD, "detections": [{"label": "\ud800", "box": [1, 2, 3, 4]}]},
        {**GOOD, "detections": [{"label": "red square", "box": [10**400, 2, 3, 4]}]},
        {**GOOD, "detections": [{"label": "red square", "box": [1, 2, 3, 4], "score": "high"}]},
    ],
    ids=["a file outside", "a text for a list", "half a surrogate pair", "400 digits", "a score as text"],
)
@pytest.mark.parametrize("command", [("infer.score",), ("visualize", "draw")], ids=" ".join)
def test_it_is_one_line(tmp_path: Path, row: dict[str, Any], command: tuple[str, ...]) -> None:
    dataset = write_dataset(tmp_path / "data")
    path = tmp_path / "run" / "predictions.jsonl"
    path.parent.mkdir()
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    words = [str(path.parent), "--dataset", str(dataset.path)]
    shown = subprocess.run([sys.executable, "-m", *command, *words], cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 2, shown.stderr
    assert shown.stderr.startswith(f"error: {path}, line 1: not ")
    assert shown.stderr.count("\n") == 1
    assert sorted(item.name for item in path.parent.iterdir()) == ["predictions.jsonl"]
