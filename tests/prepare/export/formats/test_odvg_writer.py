import json
from pathlib import Path

from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from tests.prepare.export.made_data_sets import CATEGORIES


def test_layout_of_detections(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, ExportSettings("odvg", str(tmp_path / "out")))
    labels = json.loads((tmp_path / "out/label_map.json").read_text())
    assert labels == {str(number): name for number, name in enumerate(CATEGORIES)}
    first, second = map(json.loads, (tmp_path / "out/val.jsonl").read_text().splitlines())
    assert first == {
        "filename": "000000000011.png",
        "height": 50,
        "width": 100,
        "detection": {"instances": [{"bbox": [1.25, 2, 30, 20], "label": 0, "category": "cat"}]},
    }
    assert [item["label"] for item in second["detection"]["instances"]] == [2, 2]
