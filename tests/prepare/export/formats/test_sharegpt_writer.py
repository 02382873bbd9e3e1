import json
from pathlib import Path

from prepare.export import left_out
from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset


def test_layout(dataset: Path, tmp_path: Path) -> None:
    data = export_dataset(dataset, ExportSettings("sharegpt", str(tmp_path / "out")))
    assert data.left_out == {left_out.CROWD: 1}
    info = json.loads((tmp_path / "out/dataset_info.json").read_text())
    assert list(info) == ["dataset_train", "dataset_val"]
    for split, entry in zip(("train", "val"), info.values(), strict=True):
        assert entry["formatting"] == "sharegpt"
        rows = json.loads((tmp_path / "out" / entry["file_name"]).read_text())
        assert len(rows) == len((dataset / f"{split}.jsonl").read_text().splitlines())
        assert set(rows[0]) == set(entry["columns"].values())
        assert (tmp_path / "out" / rows[0]["images"][0]).is_file()
    rows = json.loads((tmp_path / "out/train.json").read_text())
    assert rows[0] == {
        "conversations": [
            {"from": "human", "value": "<image>Task: Object Detection"},
            {
                "from": "gpt",
                "value": "<|object_ref_start|>cat<|object_ref_end|>"
                "<|box_start|>(100,100),(200,200)<|box_end|>",
            },
        ],
        "system": "You are a helpful assistant.",
        "images": ["images/000000000001.png"],
    }
