import json
from pathlib import Path

from grounding.boxes import Size
from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from tests.prepare.export.made_data_sets import box, sample, write_dataset


def test_layout(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, ExportSettings("ms_swift", str(tmp_path / "out")))
    row = json.loads((tmp_path / "out/train.jsonl").read_text().splitlines()[0])
    assert row["messages"][-1] == {"role": "assistant", "content": "<ref-object><bbox>"}
    assert row["images"] == ["images/000000000001.png"]
    assert row["objects"] == {"ref": ["cat"], "bbox": [[0.1, 0.1, 0.2, 0.2]], "bbox_type": "norm1"}


def test_json_answers_keep_their_text(tmp_path: Path) -> None:
    item = sample(1, Size(100, 50), [box(10, 5, 20, 10)])
    dataset = write_dataset(tmp_path / "dataset", {"train": [item]}, answer_format="json")
    export_dataset(dataset, ExportSettings("ms_swift", str(tmp_path / "out")))
    row = json.loads((tmp_path / "out/train.jsonl").read_text())
    assert row["messages"][-1]["content"] == '[{"bbox_2d": [100, 100, 200, 200], "label": "cat"}]'
    assert "objects" not in row
