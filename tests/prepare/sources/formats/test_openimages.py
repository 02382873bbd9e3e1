from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    BOX_NOT_FOUR_NUMBERS,
    BOX_OF_CROWD,
    BOX_UPSIDE_DOWN,
    FILE_IN_NO_SPLIT,
    IMAGE_MISSING,
)
from tests.prepare.sources.formats.drawn_source import boxes_in, write_pictures

Make = Callable[..., Any]
HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction"
)
NAMES = ["train/000a.png", "validation/000b.png", "test/000c.png"]


def row(image: str, box: str = "0.05,0.3,0.1,0.4", label: str = "/m/01yrx", group: int = 0) -> str:
    return f"{image},xclick,{label},1,{box},0,0,{group},0"


def write(path: Path, *rows: str) -> None:
    path.write_text("\r\n".join([HEADER, *rows, ""]), encoding="utf-8-sig")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    write_pictures(folder, NAMES)
    write(folder / "train-annotations-bbox.csv", row("000a"))
    write(folder / "validation-annotations-bbox.csv", row("000b", label="/m/0bt9lr"))
    write(folder / "test-annotations-bbox.csv", row("000c"))
    (folder / "class-descriptions-boxable.csv").write_text('/m/01yrx,Cat\n/m/0bt9lr,"Dog, small"\n')
    (folder / "train-images-boxable-with-rotation.csv").write_text("ImageID,Subset\n000a,train\n")
    return folder


def test_splits_and_names(source: Path, tmp_path: Path, recipe_for: Make) -> None:
    card = prepare_dataset(recipe_for("openimages"))
    assert card.dropped == {FILE_IN_NO_SPLIT: 1}
    assert [category.name for category in card.categories] == ["Cat", "Dog, small"]
    assert boxes_in(tmp_path / "dataset", NAMES) == {NAMES[0]: [("Cat", [10, 10, 60, 40])]}
    assert boxes_in(tmp_path / "dataset", NAMES, "val") == {NAMES[1]: [("Dog, small", [10, 10, 60, 40])]}


def test_bad_rows_are_counted(source: Path, tmp_path: Path, recipe_for: Make) -> None:
    rows = [
        row("000a"),
        row("000a", group=1),
        row("000a", "0.3,0.05,0.1,0.4"),
        row("000a", "nan,0.3,0.1,0.4"),
        row("000d"),
    ]
    write(source / "train-annotations-bbox.csv", *rows)
    card = prepare_dataset(recipe_for("openimages", max_bad_share=0.9))
    assert card.dropped == {
        FILE_IN_NO_SPLIT: 1,
        BOX_OF_CROWD: 1,
        BOX_UPSIDE_DOWN: 1,
        BOX_NOT_FOUR_NUMBERS: 1,
        IMAGE_MISSING: 1,
    }
    assert boxes_in(tmp_path / "dataset", NAMES) == {NAMES[0]: [("Cat", [10, 10, 60, 40])]}


def test_what_is_refused(source: Path, recipe_for: Make) -> None:
    write(source / "train-annotations-bbox.csv", "000a,xclick")
    with pytest.raises(UserError, match=r"bbox\.csv, line 2: 2 values, and the header has 12"):
        prepare_dataset(recipe_for("openimages"))
    write_pictures(source / "copies", ["000a.png"])
    write(source / "train-annotations-bbox.csv", row("000a"))
    with pytest.raises(UserError, match=r"'000a' can be .*000a\.png or .*000a\.png: set source\.images"):
        prepare_dataset(recipe_for("openimages"))
    with pytest.raises(UserError, match=r"descriptions-boxable\.csv: no column ImageID, LabelName"):
        prepare_dataset(recipe_for("openimages", {"train_files": "class-*.csv"}))
    (source / "more-class-descriptions.csv").write_text("LabelName,DisplayName\n/m/01yrx,Kitten\n")
    with pytest.raises(UserError, match="line 2: /m/01yrx is 'Kitten' here and 'Cat' before"):
        prepare_dataset(recipe_for("openimages", {"images": "train"}))
