import json
from pathlib import Path

import pytest

from grounding.boxes import Box, Size, from_grid, iou
from grounding.files import read_jsonl
from tests.end_to_end.conftest import ROOT, run

COCO_SAMPLE = ROOT.parent / "shared" / "coco_sample"
PHOTOGRAPHS = 8
SEED = 158  # selects photographs of at most six objects, 28 in all: short answers, quickly learned


@pytest.mark.slow
@pytest.mark.skipif(not COCO_SAMPLE.is_dir(), reason="no COCO photographs in ../shared/coco_sample")
def test_the_tiny_model_learns_photographs_by_heart(clone: Path) -> None:
    """Train on a few COCO photographs with the steps of the demo: the answers repeat the training boxes."""
    python = str(clone / ".venv" / "bin" / "python")
    run(python, "-m", "prepare", "recipes/prepare/coco.yaml", "source.hub=local",
        f"source.path={COCO_SAMPLE}", f"total_samples={2 * PHOTOGRAPHS}", "val_ratio=0.5",
        f"seed={SEED}",
        "output_dir=data/photographs", cwd=clone)  # fmt: skip
    run(python, "-m", "train.tiny", "checkpoints/tiny", cwd=clone)
    run(python, "-m", "train", "recipes/train/tiny_full.yaml", "model_name_or_path=checkpoints/tiny",
        "train_dataset_path=data/photographs/train.jsonl", "eval_dataset_path=data/photographs/val.jsonl",
        "max_seq_len=1024", "max_pixels=16384", "max_steps=150", "output_dir=checkpoints/photographs",
        cwd=clone)  # fmt: skip
    run(python, "-m", "infer", "recipes/infer/demo.yaml", "checkpoint=checkpoints/photographs",
        "dataset=data/photographs", "split=train", "max_new_tokens=400",
        "output_dir=checkpoints/photographs/eval", cwd=clone)  # fmt: skip
    wanted = read_truth(clone / "data" / "photographs" / "train.jsonl")
    found = {
        row["image"]: row for _, row in read_jsonl(clone / "checkpoints/photographs/eval/predictions.jsonl")
    }
    assert len(wanted) == len(found) == PHOTOGRAPHS
    boxes = back = 0
    for image, objects in wanted.items():
        row = found[image]
        answers = [(item["label"], Box(*item["box"])) for item in row["detections"]]
        for label, grid_box in objects:
            box = from_grid(*grid_box, Size(row["width"], row["height"]))
            boxes += 1
            back += any(label == other and iou(box, answer) >= 0.9 for other, answer in answers)
    print(f"{back} of {boxes} training boxes came back")
    assert boxes > PHOTOGRAPHS
    assert back >= 0.9 * boxes


def read_truth(path: Path) -> dict[str, list[tuple[str, list[int]]]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {
        row["images"][0]: list(zip(row["objects"]["ref"], row["objects"]["bbox"], strict=True))
        for row in rows
    }
