from pathlib import Path

from pycocotools.coco import COCO

from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset


def test_pycocotools_reads_it(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, ExportSettings("coco_json", str(tmp_path / "out")))
    reader = COCO(str(tmp_path / "out/annotations/instances_val.json"))
    assert [image["file_name"] for image in reader.loadImgs([11, 12])] == [
        "000000000011.png",
        "000000000012.png",
    ]
    found = reader.loadAnns(reader.getAnnIds(imgIds=[11], iscrowd=None))
    assert [(row["bbox"], row["iscrowd"], row["area"]) for row in found] == [
        ([1.25, 2, 28.75, 18], 0, 28.75 * 18 / 2),
        ([0, 0, 90, 40], 1, 7.0),
    ]
    assert [row["name"] for row in reader.loadCats([1, 3])] == ["cat", "007"]
    assert (tmp_path / "out/val/000000000012.png").is_file()
