import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import BOX_NOT_FOUR_NUMBERS, BOX_UNKNOWN_CATEGORY, FILE_IN_NO_SPLIT, IMAGE_MISSING
from tests.prepare.sources.formats.drawn_source import boxes_in, write_pictures

Make = Callable[..., Any]
BOX = [10, 10, 50, 30]
IN_PIXELS = [10, 10, 60, 40]


def write(folder: Path, *rows: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metadata.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


@pytest.mark.parametrize(
    "objects",
    [
        {"bbox": [BOX], "categories": ["cat"]},
        {"bbox": [BOX], "category": [1]},
        [{"bbox": BOX, "category": 1, "area": 1500}],
        [{"bbox": BOX, "label": "cat"}],
    ],
)
def test_layouts(objects: Any, tmp_path: Path, recipe_for: Make) -> None:
    write_pictures(tmp_path / "source", ["0.png"])
    write(tmp_path / "source", {"file_name": "0.png", "objects": objects})
    prepare_dataset(recipe_for("image_folder", categories=["dog", "cat"]))
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", IN_PIXELS)]}


def test_csv(tmp_path: Path, recipe_for: Make) -> None:
    write_pictures(tmp_path / "source", ["0.png"])
    with (tmp_path / "source/metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "objects"])
        writer.writerow(["0.png", json.dumps({"bbox": [BOX], "categories": ["cat"]})])
    prepare_dataset(recipe_for("image_folder"))
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", IN_PIXELS)]}


def test_same_names_in_two_splits_stay_apart(tmp_path: Path, recipe_for: Make) -> None:
    names = ["train/0.png", "validation/0.png", "test/0.png"]
    write_pictures(tmp_path / "source", names)
    for number, name in enumerate(names):
        objects = {"bbox": [[10 + number, 10, 50, 30]], "categories": ["cat"]}
        write((tmp_path / "source" / name).parent, {"file_name": "0.png", "objects": objects})
    assert prepare_dataset(recipe_for("image_folder")).dropped == {FILE_IN_NO_SPLIT: 1}
    assert boxes_in(tmp_path / "dataset", names) == {names[0]: [("cat", IN_PIXELS)]}
    assert boxes_in(tmp_path / "dataset", names, "val") == {names[1]: [("cat", [11, 10, 61, 40])]}


def test_damage_is_counted(tmp_path: Path, recipe_for: Make) -> None:
    write_pictures(tmp_path / "source", ["0.png"])
    objects = {"bbox": [BOX, BOX[:3], BOX], "categories": [0, 0, 5]}
    write(
        tmp_path / "source",
        {"file_name": "0.png", "objects": objects},
        {"file_name": "1.png", "objects": objects},
    )
    card = prepare_dataset(recipe_for("image_folder", categories=["cat"], max_bad_share=0.5))
    assert card.dropped == {BOX_NOT_FOUR_NUMBERS: 1, BOX_UNKNOWN_CATEGORY: 1, IMAGE_MISSING: 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"file_name": "0.png", "text": "a cat"}, "line 1: objects: none of bbox, bboxes"),
        ({"file_name": "0.png", "objects": {"bbox": [BOX], "category": []}}, "1 boxes, and 0 labels"),
        (
            {"file_name": "0.png", "objects": {"bbox": [BOX], "category": [1]}},
            "list their names in `categories`",
        ),
        ({"file_name": "0.png", "objects": [5]}, r"objects\[0\]: an object is needed, there is 5"),
        ({"image": "0.png"}, "file_name: a text is needed, there is None"),
    ],
)
def test_what_is_refused(row: Any, message: str, tmp_path: Path, recipe_for: Make) -> None:
    write_pictures(tmp_path / "source", ["0.png"])
    write(tmp_path / "source", row)
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe_for("image_folder"))
