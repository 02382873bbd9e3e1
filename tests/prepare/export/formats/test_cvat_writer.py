import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from grounding.boxes import Size
from grounding.errors import UserError
from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from tests.prepare.export.made_data_sets import CATEGORIES, box, read_entries, sample, write_dataset


def test_truth(dataset: Path, tmp_path: Path) -> None:
    export_dataset(dataset, ExportSettings("cvat", str(tmp_path / "out")))
    root = ET.parse(tmp_path / "out/val/annotations.xml").getroot()
    assert root.findtext("version") == "1.1"
    assert [label.findtext("name") for label in root.iter("label")] == list(CATEGORIES)
    assert [image.attrib for image in root.findall("image")] == [
        {"id": str(number), "name": f"{stem:012d}.png", "width": "100", "height": "50"}
        for number, stem in enumerate((11, 12))
    ]
    assert (tmp_path / "out/val/images/000000000011.png").is_file()
    first = root.find("image/box")
    assert first is not None
    assert [float(first.get(key, "")) for key in ("xtl", "ytl", "xbr", "ybr")] == [1.25, 2, 30, 20]
    assert (first.get("label"), first.get("source")) == ("cat", "manual")
    assert list(first) == []


def test_predictions_with_scores_come_back_corrected_with_their_ids(
    dataset: Path, run: Path, tmp_path: Path
) -> None:
    export_dataset(dataset, ExportSettings("cvat", str(tmp_path / "out")), run)
    path = tmp_path / "out/val/annotations.xml"
    tree = ET.parse(path)
    scored, unscored = tree.getroot().iter("box")
    assert [(item.get("name"), item.text) for item in scored] == [("score", "0.75")]
    assert (scored.get("source"), list(unscored)) == ("auto", [])
    labels = json.loads((tmp_path / "out/labels.json").read_text())
    assert {label["attributes"][0]["name"] for label in labels} == {"score"}
    scored.set("xtl", "20.00")  # as CVAT exports what a person corrected, in a task with other frames
    for image in tree.getroot().iter("image"):
        image.set("id", str(int(image.get("id", "")) + 7))
    tree.write(path)
    assert read_entries(tmp_path / "out", "cvat") == {
        11: [("cat", (20, 5, 30, 20)), ("红 汽车", (50, 10, 75, 50))],
        12: [],
    }


@pytest.mark.parametrize("name", ["cvat", "voc", "label_studio"])
@pytest.mark.parametrize("category", ["bell\a", " cat", "two\nlines "])
def test_names_that_xml_would_change_are_refused(name: str, category: str, tmp_path: Path) -> None:
    item = sample(1, Size(9, 9), [box(1, 1, 5, 5, category)])
    dataset = write_dataset(tmp_path / "dataset", {"train": [item]}, (category,))
    with pytest.raises(UserError, match="XML cannot keep the name of the category"):
        export_dataset(dataset, ExportSettings(name, str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()
