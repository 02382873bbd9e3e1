from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    ANNOTATION_UNREADABLE,
    BOX_OF_CROWD,
    BOX_UPSIDE_DOWN,
    FILE_IN_NO_SPLIT,
    IMAGE_MISSING,
    IMAGE_OF_CROWDS,
)
from tests.prepare.sources.formats.drawn_source import boxes_in, write_pictures

Make = Callable[..., Any]
BOX = "10,10,50,30"


def write(source: Path, split: str, name: str, *lines: str) -> None:
    path = source / f"VisDrone2019-DET-{split}/annotations/{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def image(split: str, name: str) -> str:
    return f"VisDrone2019-DET-{split}/images/{name}.png"


def test_splits(tmp_path: Path, recipe_for: Make) -> None:
    names = [image(split, "0000001_d_01") for split in ("train", "val", "test-dev")]
    write_pictures(tmp_path / "source", names)
    for split, category in (("train", 4), ("val", 1), ("test-dev", 2)):
        write(tmp_path / "source", split, "0000001_d_01", f"{BOX},1,{category},0,0")
    card = prepare_dataset(recipe_for("visdrone"))
    assert card.dropped == {FILE_IN_NO_SPLIT: 1}
    assert [category.name for category in card.categories] == ["car", "pedestrian"]
    assert boxes_in(tmp_path / "dataset", names) == {names[0]: [("car", [10, 10, 60, 40])]}
    assert boxes_in(tmp_path / "dataset", names, "val") == {names[1]: [("pedestrian", [10, 10, 60, 40])]}


def test_ignored_regions_are_for_the_scorer(
    tmp_path: Path, recipe_for: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    """A region that may hold anything is a crowd of every category; an ignored box is one of its own."""
    from pycocotools.coco import COCO

    names = [image(split, f"{number}") for split in ("train", "val") for number in range(2)]
    write_pictures(tmp_path / "source", names)
    write(tmp_path / "source", "train", "0", f"{BOX},1,4,0,0,", f"{BOX},1,1,0,0")
    write(tmp_path / "source", "train", "1", f"{BOX},0,0,0,0")
    write(tmp_path / "source", "val", "0", f"{BOX},1,4,0,0", "0,0,20,20,0,0,0,0", "70,0,20,20,0,1,0,0")
    write(tmp_path / "source", "val", "1", f"{BOX},1,1,0,0")
    card = prepare_dataset(recipe_for("visdrone"))
    assert card.dropped == {BOX_OF_CROWD: 2 + 3, IMAGE_OF_CROWDS: 1}
    truth = COCO(str(tmp_path / "dataset/annotations_val.json"))
    capsys.readouterr()
    numbers = {category.name: category.id for category in card.categories}
    crowds = [(row["category_id"], row["bbox"]) for row in truth.loadAnns(truth.getAnnIds(iscrowd=1))]
    assert sorted(crowds) == sorted(
        [
            (numbers["car"], [0, 0, 20, 20]),
            (numbers["pedestrian"], [0, 0, 20, 20]),
            (numbers["pedestrian"], [70, 0, 20, 20]),
        ]
    )


def test_damage_is_counted(tmp_path: Path, recipe_for: Make) -> None:
    names = [image("train", str(number)) for number in range(5)]
    write_pictures(tmp_path / "source", names[:4])
    bad = ["10,10,50", f"{BOX},1,12,0,0", f"{BOX},1,car,0,0"]
    for number, line in enumerate(bad, start=1):
        write(tmp_path / "source", "train", str(number), line)
    write(tmp_path / "source", "train", "0", *[f"{BOX},1,4,0,0"] * 2, "10,10,-5,30,1,4,0,0")
    write(tmp_path / "source", "train", "4", f"{BOX},1,4,0,0")
    card = prepare_dataset(recipe_for("visdrone", max_bad_share=0.9))
    assert card.dropped == {ANNOTATION_UNREADABLE: 3, IMAGE_MISSING: 1, BOX_UPSIDE_DOWN: 1}
    assert boxes_in(tmp_path / "dataset", names) == {names[0]: [("car", [10, 10, 60, 40])] * 2}


def test_no_files(tmp_path: Path, recipe_for: Make) -> None:
    write_pictures(tmp_path / "source", ["images/0.png"])
    with pytest.raises(
        UserError, match=r"no file in .* is '\*\*/annotations/\*\.txt' of source\.kind=visdrone"
    ):
        prepare_dataset(recipe_for("visdrone"))
