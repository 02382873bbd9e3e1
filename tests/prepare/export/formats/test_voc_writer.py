import xml.etree.ElementTree as ET
from pathlib import Path

from grounding.boxes import Size
from prepare.export import left_out
from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from tests.prepare.export.made_data_sets import box, sample, write_dataset


def test_layout(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, ExportSettings("voc", str(tmp_path / "out")))
    assert (tmp_path / "out/ImageSets/Main/val.txt").read_text() == "000000000011\n000000000012\n"
    root = ET.parse(tmp_path / "out/Annotations/000000000011.xml").getroot()
    assert root.findtext("filename") == "000000000011.png"
    assert [root.findtext(f"size/{key}") for key in ("width", "height", "depth")] == ["100", "50", "3"]
    found = [
        [item.findtext("name"), item.findtext("difficult"), *(corner.text for corner in item.find("bndbox"))]  # type: ignore[union-attr]
        for item in root.findall("object")
    ]
    # Pixels 2 (from 1) to 30 lie inside a box from 1.25, rounded 1, to 30.
    assert found == [["cat", "0", "2", "3", "30", "20"], ["no", "1", "1", "1", "90", "40"]]


def test_boxes_thinner_than_a_pixel_are_counted(tmp_path: Path) -> None:
    objects = [box(1, 1, 5, 5), box(3.1, 1, 3.4, 5), box(1, 7.6, 5, 8.4)]
    dataset = write_dataset(
        tmp_path / "dataset",
        {"train": [sample(1, Size(9, 9), [box(1, 1, 5, 5)])], "val": [sample(2, Size(9, 9), objects)]},
    )
    data = export_dataset(dataset, ExportSettings("voc", str(tmp_path / "out")))
    assert data.left_out == {left_out.THIN_BOX: 2}
    root = ET.parse(tmp_path / "out/Annotations/000000000002.xml").getroot()
    assert len(root.findall("object")) == 1
