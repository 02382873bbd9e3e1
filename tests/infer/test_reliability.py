"""The command that compares scores with how often boxes are right."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[2]


def run(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infer.reliability", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_picture_numbers_and_table_are_written(dataset: Any, tmp_path: Path) -> None:
    rows = []
    content = json.loads((dataset.path / "annotations_val.json").read_text(encoding="utf-8"))
    for place, item in enumerate(content["annotations"]):
        x, y, width, height = item["bbox"]
        box = [x, y, x + width, y + height] if place % 2 else [0, 0, 1, 1]
        found = {"label": "red square", "box": box, "score": 0.85 if place % 2 else 0.15}
        rows.append({"image_id": item["image_id"], "detections": [found]})
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shown = run(path, "--dataset", dataset.path)
    assert shown.returncode == 0, shown.stderr
    assert "7 boxes, 0 without a score; calibration error 0.150, AUROC 1.000" in shown.stdout
    saved = json.loads((tmp_path / "reliability.json").read_text(encoding="utf-8"))
    assert [item["boxes"] for item in saved["bins"]] == [0, 4, 0, 0, 0, 0, 0, 0, 3, 0]
    with Image.open(tmp_path / "reliability.png") as picture:
        assert picture.size == (600, 720)
    before = (tmp_path / "reliability.png").read_bytes()
    assert run(path, "--dataset", dataset.path).returncode == 0
    assert (tmp_path / "reliability.png").read_bytes() == before


def test_predictions_without_scores_and_without_a_data_set_are_refused(dataset: Any, tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_text('{"image_id": 101, "detections": [{"label": "x", "box": [0, 0, 1, 1]}]}\n')
    shown = run(path, "--dataset", dataset.path)
    assert shown.returncode == 2
    assert "no box has a score: ask with score=mean_logprob" in shown.stderr
    assert "add --dataset DIR" in run(path).stderr
