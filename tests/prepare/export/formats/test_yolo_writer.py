from pathlib import Path

import yaml

from grounding.boxes import Size
from prepare.export import left_out
from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from tests.prepare.export.made_data_sets import CATEGORIES, box, sample, write_dataset


def test_layout(dataset: Path, run: Path, tmp_path: Path) -> None:
    export_dataset(dataset, ExportSettings("yolo", str(tmp_path / "out")))
    content = yaml.safe_load((tmp_path / "out/data.yaml").read_text())
    assert content == {"train": "images/train", "val": "images/val", "names": dict(enumerate(CATEGORIES))}
    index, *numbers = (tmp_path / "out/labels/train/000000000002.txt").read_text().split()
    assert [int(index), *map(float, numbers)] == [1, 0.35, 0.15, 0.1, 0.1]
    export_dataset(dataset, ExportSettings("yolo", str(tmp_path / "predicted")), run)
    assert (tmp_path / "predicted/labels/val/000000000012.txt").read_text() == ""


def test_a_box_without_area_in_the_digits_is_counted(tmp_path: Path) -> None:
    train, val = (
        [sample(1, Size(9, 9), [box(1, 1, 5, 5)])],
        [sample(2, Size(9, 9), [box(1, 1, 1 + 1e-9, 5)])],
    )
    dataset = write_dataset(tmp_path / "dataset", {"train": train, "val": val})
    data = export_dataset(dataset, ExportSettings("yolo", str(tmp_path / "out")))
    assert data.left_out == {left_out.THIN_BOX: 1}
    assert (tmp_path / "out/labels/val/000000000002.txt").read_text() == ""
