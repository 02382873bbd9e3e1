import json
from pathlib import Path

import pytest
import visualdl
from PIL import Image

from tests.end_to_end.conftest import Demo


@pytest.mark.slow
def test_the_demo_learns_to_find_shapes(demo: Demo) -> None:
    """`make demo` in a new folder prepares data, trains with paddleformers-cli, answers, scores and draws."""
    outputs = demo.folder / "checkpoints" / "demo"
    scores = json.loads((outputs / "scores.json").read_text())
    before, after = scores["before"], scores["after"]
    assert before["AP50"] == before["f1_50"] == before["mean_iou"] == 0
    assert after["images"] == after["images_in_data_set"] >= 64
    assert after["AP50"] >= 0.95
    assert after["mean_iou"] >= 0.95
    assert after["f1_50"] >= 0.95
    assert after["readable"] >= 0.99
    assert_nothing_of_val_in_train(demo.folder / "data" / "demo")
    with Image.open(outputs / "sheet.png") as sheet:
        assert sheet.width > 600
        assert len(sheet.convert("RGB").getcolors(1 << 24) or ()) > 50
    losses = read_curve(outputs / "full" / "visualdl", "train/loss")
    assert losses[-1] < losses[0] / 4
    found = read_curve(outputs / "full" / "visualdl", "boxes/AP50")
    assert len(found) >= 4
    assert found[0] == 0
    assert found[1] < found[-1]
    assert found[-1] >= 0.9
    record = json.loads((outputs / "full" / "run.json").read_text())
    assert record["scores"]["checkpoints/demo/eval_after"]["scores"]["AP50"] == after["AP50"]
    assert record["data"]["train"]["cards"]["data/demo"] == json.loads(
        (demo.folder / "data" / "demo" / "card.json").read_text()
    )
    for promised in ("before", "after", "AP50", "sheet.png", "scores.json"):
        assert promised in demo.shown[-4000:]


def assert_nothing_of_val_in_train(dataset: Path) -> None:
    """No validation image has the same classes and boxes as a training image."""

    def arrangements(name: str) -> set[tuple[tuple[str, ...], ...]]:
        rows = [json.loads(line)["objects"] for line in (dataset / name).read_text().splitlines()]
        return {
            tuple(sorted((label, *map(str, box)) for label, box in zip(row["ref"], row["bbox"], strict=True)))
            for row in rows
        }

    val = arrangements("val.jsonl")
    assert val
    assert not val & arrangements("train.jsonl")


def read_curve(logs: Path, tag: str) -> list[float]:
    (file,) = logs.rglob("vdlrecords.*.log")
    return [record.value for record in visualdl.LogReader(file_path=str(file)).get_data("scalar", tag)]
