"""Calibrated confidence with a trained model, through the commands that a user types."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Demo, run

IMAGES = 80
SHIFT = 20.0
"""Pixels; the demo's boxes have 16 to 32."""


def write_calibration_part(data: Path) -> None:
    """Make the first training records a calibration part; every third object is annotated elsewhere."""
    lines = (data / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (data / "calibration.jsonl").write_text("".join(lines[:IMAGES]), encoding="utf-8")
    truth = json.loads((data / "annotations_val.json").read_text(encoding="utf-8"))
    ids = {category["name"]: category["id"] for category in truth["categories"]}
    images, annotations = [], []
    for line in lines[:IMAGES]:
        row = json.loads(line)
        number = int(re.findall(r"\d+", row["images"][0])[-1])
        images.append({"id": number, "file_name": row["images"][0], "width": 64, "height": 64})
        for label, box in zip(row["objects"]["ref"], row["objects"]["bbox"], strict=True):
            x1, y1, x2, y2 = (side * 64 / 1000 for side in box)
            moved = SHIFT if len(annotations) % 3 == 0 else 0.0
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": ids[label],
                                "bbox": [x1 + moved, y1, x2 - x1, y2 - y1], "iscrowd": 0,
                                "area": (x2 - x1) * (y2 - y1)})  # fmt: skip
    content = {**truth, "images": images, "annotations": annotations}
    (data / "annotations_calibration.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.slow
def test_a_checkpoint_is_calibrated_and_scores_other_images_alone(demo: Demo) -> None:
    data, model = demo.folder / "data" / "demo", demo.folder / "checkpoints" / "demo" / "full"
    write_calibration_part(data)
    try:
        shown = run("make", "calibrate", "EVAL=recipes/infer/demo.yaml", cwd=demo.folder)
        table = {line.split("  ")[0].strip(): line.split() for line in shown.splitlines()}
        assert float(table["calibrated"][3]) < 0.8  # AUROC: every third truth is a lie that no token tells
        content = json.loads((model / "calibration.json").read_text(encoding="utf-8"))
        assert len(content["fitted_on"]["images"]) == IMAGES
        shown = infer(demo, "output_dir=checkpoints/demo/calibrated", "limit=32")
        assert shown.returncode == 0, shown.stderr
        rows = (demo.folder / "checkpoints/demo/calibrated/predictions.jsonl").read_text().splitlines()
        scores = [found["score"] for row in map(json.loads, rows) for found in row["detections"]]
        assert scores
        assert sum(scores) / len(scores) == pytest.approx(2 / 3, abs=0.2)
        refused = infer(demo, "output_dir=checkpoints/demo/judged", "split=train", f"limit={IMAGES}")
        assert refused.returncode == 2
        assert f"{IMAGES} of {IMAGES} images" in refused.stderr
    finally:
        for path in (
            data / "calibration.jsonl",
            data / "annotations_calibration.json",
            model / "calibration.json",
        ):
            path.unlink(missing_ok=True)


def infer(demo: Demo, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infer", "recipes/infer/demo.yaml", "score=calibrated", *words]
    return subprocess.run(command, cwd=demo.folder, capture_output=True, text=True)
