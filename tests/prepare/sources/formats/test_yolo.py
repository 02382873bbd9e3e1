from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.categories import COCO_CATEGORIES
from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import ANNOTATION_UNREADABLE, IMAGE_EMPTY, IMAGE_MISSING, LABELS_WITHOUT_IMAGE
from prepare.sources.formats.yolo import label_file

Make = Callable[..., Any]
NAMES = [category.name for category in COCO_CATEGORIES]


def write_source(folder: Path, photographs: Any) -> Path:
    """The usual layout, images/SPLIT beside labels/SPLIT; names with spaces and Chinese characters."""
    for split, rows in photographs.items():
        for part in ("images", "labels"):
            (folder / part / split).mkdir(parents=True)
        for row in rows:
            name = f"照片 {row.image_id} (1)"
            (folder / "images" / split / f"{name}.jpg").write_bytes(row.data)
            lines = []
            for (x1, y1, x2, y2), label in zip(row.boxes, row.labels, strict=True):
                shares = (
                    (x1 + x2) / 2 / row.width,
                    (y1 + y2) / 2 / row.height,
                    (x2 - x1) / row.width,
                    (y2 - y1) / row.height,
                )
                lines.append(f"{NAMES.index(label)} {' '.join(f'{share:.6f}' for share in shares)}\n")
            (folder / "labels" / split / f"{name}.txt").write_text("".join(lines))
    names = "".join(f"  {index}: {name}\n" for index, name in enumerate(NAMES))
    (folder / "data.yaml").write_text(f"path: .\ntrain: images/train\nval: images/val\nnames:\n{names}")
    return folder


@pytest.fixture
def source(tmp_path: Path, photographs: Any) -> Path:
    return write_source(tmp_path / "source", photographs)


def first_labels(source: Path) -> Path:
    return sorted((source / "labels/train").iterdir())[0]


def test_real_photographs(
    source: Path, photographs: Any, recipe_for: Make, check_split: Make, read_rows: Make
) -> None:
    card = prepare_dataset(recipe_for("yolo"))
    assert [category.name for category in card.categories] == NAMES
    assert card.dropped == {}
    check_split("train", photographs["train"])
    check_split("val", photographs["val"])
    assert all(row["source"].startswith("images/train/照片 ") for row in read_rows("train"))


def test_ids_do_not_depend_on_the_other_images(
    source: Path, photographs: Any, recipe_for: Make, read_rows: Make, tmp_path: Path
) -> None:
    prepare_dataset(recipe_for("yolo"))
    before = {row["source"]: row["images"] for row in read_rows("train")}
    gone = sorted((source / "images/train").iterdir())[0]
    gone.unlink()
    card = prepare_dataset(recipe_for("yolo", overwrite=True))
    after = {row["source"]: row["images"] for row in read_rows("train")}
    del before[f"images/train/{gone.name}"]
    assert card.dropped == {LABELS_WITHOUT_IMAGE: 1}
    assert after == before


def test_one_pool_without_val_and_a_list_of_images(source: Path, recipe_for: Make, read_rows: Make) -> None:
    paths = sorted((source / "images/train").iterdir())[:10]
    (source / "train.txt").write_text("".join(f"./images/train/{path.name}\n" for path in paths))
    (source / "data.yaml").write_text(f"train: train.txt\nnames: {NAMES}\n")
    card = prepare_dataset(recipe_for("yolo", val_ratio=0.2))
    assert [card.counts[split]["images"] for split in ("train", "val")] == [8, 2]
    names = {row["source"] for split in ("train", "val") for row in read_rows(split)}
    assert names == {f"images/train/{path.name}" for path in paths}


def test_folders_of_exporters_that_write_one_level_too_many(
    tmp_path: Path, photographs: Any, recipe_for: Make
) -> None:
    source = write_source(tmp_path / "source", photographs)
    text = (source / "data.yaml").read_text()
    (source / "data.yaml").write_text(text.replace("path: .\n", "").replace("images/", "../images/"))
    assert prepare_dataset(recipe_for("yolo")).counts["train"]["images"] == 12


def test_an_outline_becomes_the_box_around_it(source: Path, recipe_for: Make, read_rows: Make) -> None:
    path = first_labels(source)
    path.write_text("3 0.1 0.2 0.5 0.25 0.3 0.75\n")
    prepare_dataset(recipe_for("yolo"))
    (row,) = [row for row in read_rows("train") if Path(row["source"]).stem == path.stem]
    assert row["objects"] == {"ref": ["motorcycle"], "bbox": [[100, 200, 500, 750]]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 320.5 240 100 80\n", r"box \[320.5, 240, 100, 80\]: source.units=relative has numbers up to 1"),
        ("0 0.5 0.5 1.3 0.2\n", "source.units=relative"),
    ],
)
def test_a_number_above_one_is_refused(source: Path, recipe_for: Make, line: str, message: str) -> None:
    path = first_labels(source)
    path.write_text(path.read_text() + line)
    with pytest.raises(UserError, match=message) as caught:
        prepare_dataset(recipe_for("yolo"))
    assert str(path) in str(caught.value)


def test_shares_are_no_pixels(source: Path, recipe_for: Make) -> None:
    with pytest.raises(UserError, match=r"has no number above 1.*source\.units=pixels"):
        prepare_dataset(recipe_for("yolo", {"units": "pixels"}))


@pytest.mark.parametrize("text", ["0 0.5 0.5 0.1\n", "cat 0.5 0.5 0.1 0.1\n", "0 0.5 0.5 0.1 0.1 1.9\n"])
def test_an_odd_line_costs_its_image_and_is_counted(source: Path, recipe_for: Make, text: str) -> None:
    first_labels(source).write_text(text)
    with pytest.raises(UserError, match=r"1 of 18 images looked at .*line 1: .*annotation cannot be read"):
        prepare_dataset(recipe_for("yolo"))
    card = prepare_dataset(recipe_for("yolo", max_bad_share=0.1))
    assert card.dropped == {ANNOTATION_UNREADABLE: 1}
    assert card.counts["train"]["images"] == 11


def test_images_without_labels_or_files_are_counted(source: Path, recipe_for: Make) -> None:
    first_labels(source).unlink()
    listed = "".join(f"{path}\n" for path in sorted((source / "images/train").iterdir()))
    (source / "train.txt").write_text(f"{listed}images/train/gone.jpg\n")
    (source / "data.yaml").write_text(
        (source / "data.yaml").read_text().replace("train: images/train", "train: train.txt")
    )
    card = prepare_dataset(recipe_for("yolo", max_bad_share=0.1))
    assert card.dropped == {IMAGE_MISSING: 1, IMAGE_EMPTY: 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: images/train\n", "no `names:`"),
        ("train: images/train\nnames: {0: cat, 2: dog}\n", "the numbers are not 0 to 1"),
        ("train: images/train\nnames: [cat, cat]\n", "data.yaml: .*'cat', is empty or repeated"),
        ("train: nowhere\nnames: [cat]\n", "train: nowhere: no such folder or list"),
        ("names: [cat]\n", "train: no images in None"),
    ],
)
def test_a_names_file_that_does_not_fit(source: Path, recipe_for: Make, text: str, message: str) -> None:
    (source / "data.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe_for("yolo"))


def test_label_files_lie_beside_the_last_folder_named_images() -> None:
    assert label_file(Path("/images/a/images/train/x.y.jpg")) == Path("/images/a/labels/train/x.y.txt")
    assert label_file(Path("photos/x.jpg")) == Path("photos/x.txt")
