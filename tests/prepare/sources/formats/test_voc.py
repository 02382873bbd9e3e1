from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest
from PIL import Image

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import ANNOTATION_UNREADABLE, IMAGE_MISSING

Make = Callable[..., Any]


def write_xml(path: Path, name: str, row: Any, objects: list[tuple[str, list[float], int]]) -> None:
    parts = [
        f"<object><name>{escape(label)}</name><difficult>{difficult}</difficult><part><name>head</name>"
        "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part><bndbox>"
        + "".join(
            f"<{corner}>{value!r}</{corner}>"
            for corner, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        )
        + "</bndbox></object>"
        for label, box, difficult in objects
    ]
    path.write_text(
        f"<annotation><filename>{name}.jpg</filename><size><width>{row.width}</width>"
        f"<height>{row.height}</height><depth>3</depth></size>{''.join(parts)}</annotation>",
        encoding="utf-8",
    )


@pytest.fixture
def source(tmp_path: Path, photographs: Any) -> Path:
    """VOC's own layout; corners from 1, and fractions of a pixel that VOC itself has not."""
    folder = tmp_path / "source"
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for split, rows in photographs.items():
        names = []
        for row in rows:
            names.append(f"photo {row.image_id}")
            (folder / "JPEGImages" / f"{names[-1]}.jpg").write_bytes(row.data)
            objects = [
                (label, [box[0] + 1, box[1] + 1, box[2], box[3]], 0)
                for box, label in zip(row.boxes, row.labels, strict=True)
            ]
            write_xml(folder / "Annotations" / f"{names[-1]}.xml", names[-1], row, objects)
        (folder / "ImageSets/Main" / f"{split}.txt").write_text("\n".join(names))
    return folder


def first(source: Path, photographs: Any) -> tuple[Path, Any]:
    row = photographs["train"][0]
    return source / "Annotations" / f"photo {row.image_id}.xml", row


def test_real_photographs(source: Path, photographs: Any, recipe_for: Make, check_split: Make) -> None:
    card = prepare_dataset(recipe_for("voc"))
    rows = [row for split in photographs.values() for row in split]
    assert [category.name for category in card.categories] == sorted({n for row in rows for n in row.labels})
    assert card.dropped == {}
    check_split("train", photographs["train"])
    check_split("val", photographs["val"])


def test_whole_numbers_name_pixels_inside_the_box(
    source: Path, photographs: Any, recipe_for: Make, read_rows: Make, tmp_path: Path
) -> None:
    path, row = first(source, photographs)
    write_xml(path, path.stem, row, [("cat", [1, 1, row.width, row.height], 0)])
    for units, expected in (("pixels_from_1", [0, 0, 1000, 1000]), ("pixels", None)):
        prepare_dataset(recipe_for("voc", {"units": units}, overwrite=True))
        (found,) = [line for line in read_rows("train") if line["source"] == path.stem]
        low = [round(1000 / row.width), round(1000 / row.height)]
        assert found["objects"]["bbox"] == [expected or [*low, 1000, 1000]]


def test_difficult_objects_are_for_the_scorer_alone(
    source: Path, photographs: Any, recipe_for: Make, tmp_path: Path, read_rows: Make
) -> None:
    import json

    row = photographs["val"][0]
    path = source / "Annotations" / f"photo {row.image_id}.xml"
    write_xml(path, path.stem, row, [("cat", [1, 1, 50, 60], 0), ("cat", [11, 21, 110, 120], 1)])
    prepare_dataset(recipe_for("voc"))
    (found,) = [line for line in read_rows("val") if line["source"] == path.stem]
    assert found["objects"]["ref"] == ["cat"]
    truth = json.loads((tmp_path / "dataset/annotations_val.json").read_text())
    (crowd,) = [item for item in truth["annotations"] if item["iscrowd"]]
    assert crowd["bbox"] == [10, 20, 100, 100]


def test_without_lists_all_files_are_one_pool(source: Path, recipe_for: Make) -> None:
    for path in (source / "ImageSets/Main").iterdir():
        path.unlink()
    card = prepare_dataset(recipe_for("voc", val_ratio=0.5))
    assert [card.counts[split]["images"] for split in ("train", "val")] == [9, 9]


def test_a_list_by_name_and_a_list_of_one_class(source: Path, photographs: Any, recipe_for: Make) -> None:
    names = [f"photo {row.image_id}" for row in photographs["train"]]
    for row in photographs["train"]:
        for folder, suffix in (("Annotations", "xml"), ("JPEGImages", "jpg")):
            path = source / folder / f"photo {row.image_id}.{suffix}"
            path.rename(path.with_name(path.name.replace("photo ", "")))
    lines = [f"{name.split()[1]}  {'1' if position % 2 else '-1'}" for position, name in enumerate(names)]
    (source / "ImageSets/Main/dog_train.txt").write_text("\n".join(lines))
    card = prepare_dataset(recipe_for("voc", {"train_files": "ImageSets/Main/dog_train.txt"}))
    assert card.counts["train"]["images"] == 12
    with pytest.raises(UserError, match=r"source\.train_files: .*nothing\.txt: no such list"):
        prepare_dataset(recipe_for("voc", {"train_files": "nothing.txt"}))
    (source / "ImageSets/Main/dog_train.txt").write_text("gone\n")
    with pytest.raises(UserError, match=r"dog_train\.txt, line 1: no annotation file gone\.xml"):
        prepare_dataset(recipe_for("voc", {"train_files": "ImageSets/Main/dog_train.txt"}))


@pytest.mark.parametrize("text", ["<annotation>", "no XML"])
def test_a_broken_file_costs_its_image_and_is_counted(
    source: Path, photographs: Any, recipe_for: Make, text: str
) -> None:
    first(source, photographs)[0].write_text(text)
    with pytest.raises(UserError, match=r"1 of 18 images looked at .*annotation cannot be read"):
        prepare_dataset(recipe_for("voc"))
    assert prepare_dataset(recipe_for("voc", max_bad_share=0.1)).dropped == {ANNOTATION_UNREADABLE: 1}


def test_a_missing_photograph_is_counted(source: Path, photographs: Any, recipe_for: Make) -> None:
    path, _ = first(source, photographs)
    (source / "JPEGImages" / f"{path.stem}.jpg").unlink()
    assert prepare_dataset(recipe_for("voc", max_bad_share=0.1)).dropped == {IMAGE_MISSING: 1}


def test_xywh_in_voc_tags_is_refused(source: Path, photographs: Any, recipe_for: Make) -> None:
    for row in photographs["train"]:
        path = source / "Annotations" / f"photo {row.image_id}.xml"
        write_xml(path, path.stem, row, [("cat", [row.width - 30.0, row.height - 30.0, 20.0, 20.0], 0)])
    with pytest.raises(
        UserError, match=r"photo \d+\.xml: box \[.*\] is upside down as xyxy, as are 12 of 12"
    ):
        prepare_dataset(recipe_for("voc"))


@pytest.mark.parametrize("folder", ["JPEGImages", "Annotations"])
def test_of_two_images_at_one_place_the_named_one_is_taken(
    tmp_path: Path, recipe_for: Make, folder: str
) -> None:
    """Beside the XML file, or at its place among the images: never one of them by chance."""
    source = tmp_path / "source"
    for name in ("Annotations", folder):
        (source / name).mkdir(parents=True, exist_ok=True)
    for suffix in ("jpg", "png"):
        Image.new("RGB", (40, 20)).save(source / folder / f"a.{suffix}")
    box = "<xmin>2</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax>"
    text = f"<object><name>cat</name><bndbox>{box}</bndbox></object></annotation>"
    file = source / "Annotations/a.xml"
    file.write_text(f"<annotation><filename>a.png</filename>{text}")
    prepare_dataset(recipe_for("voc", {"images": folder}, val_ratio=0.0))
    assert [path.suffix for path in (tmp_path / "dataset/images").iterdir()] == [".png"]
    for stated in ("", "<filename>b.png</filename>"):
        file.write_text(f"<annotation>{stated}{text}")
        with pytest.raises(UserError, match=r"a\.xml: 'a' can be .*a\.jpg or .*a\.png: keep only the image"):
            prepare_dataset(recipe_for("voc", {"images": folder}, val_ratio=0.0, overwrite=True))
