import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from tests.prepare.export.made_data_sets import CATEGORIES, read_entries


def tasks_of(folder: Path, split: str = "val") -> Any:
    return json.loads((folder / f"{split}.json").read_text())


def test_truth_is_annotations(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, ExportSettings("label_studio", str(tmp_path / "out")))
    first = tasks_of(tmp_path / "out")[0]
    assert first["data"] == {
        "image": "/data/local-files/?d=images/000000000011.png",
        "image_id": 11,
        "image_name": "000000000011.png",
    }
    assert "predictions" not in first
    (region,) = first["annotations"][0]["result"]
    assert region | {"value": None} == {
        "id": "11_0",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": 100,
        "original_height": 50,
        "image_rotation": 0,
        "value": None,
    }
    share = {"x": 1.25, "y": 4.0, "width": 28.75, "height": 36.0, "rotation": 0}
    labels = region["value"].pop("rectanglelabels")
    assert (labels, region["value"]) == (["cat"], pytest.approx(share))
    view = ET.parse(tmp_path / "out/label_config.xml").getroot()
    assert [label.get("value") for label in view.iter("Label")] == list(CATEGORIES)
    assert view.find("RectangleLabels").attrib == {"name": "label", "toName": "image"}  # type: ignore[union-attr]


def test_predictions_with_scores_come_back_corrected_with_their_ids(
    dataset: Path, run: Path, tmp_path: Path
) -> None:
    data = export_dataset(dataset, ExportSettings("label_studio", str(tmp_path / "out")), run)
    assert data.left_out == {}
    tasks = tasks_of(tmp_path / "out")
    (prediction,) = tasks[0]["predictions"]
    assert "annotations" not in tasks[0]
    assert (prediction["model_version"], prediction["score"]) == ("eval", 0.75)
    assert [region.get("score") for region in prediction["result"]] == [0.75, None]
    for number, task in enumerate(tasks, start=900):  # as Label Studio exports what a person corrected
        regions = task["predictions"][0]["result"]
        for region in regions[:1]:
            region["value"] |= {"x": 20.0, "width": 10.0}
        task |= {"id": number, "annotations": [{"id": number, "result": regions, "was_cancelled": False}]}
    (tmp_path / "out/val.json").write_text(json.dumps(tasks))
    entries = read_entries(tmp_path / "out", "label_studio")
    assert entries == {
        11: [("cat", pytest.approx((20, 5, 30, 20))), ("红 汽车", pytest.approx((50, 10, 75, 50)))],
        12: [],
    }
