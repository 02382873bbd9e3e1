import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    ANNOTATION_UNREADABLE,
    BOX_NOT_FINITE,
    BOX_NOT_FOUR_NUMBERS,
    FILE_IN_NO_SPLIT,
    IMAGE_MISSING,
    REGION_UNREADABLE,
    REGION_WITHOUT_BOX,
    REGION_WITHOUT_LABEL,
)
from tests.prepare.sources.formats.drawn_source import HEIGHT, WIDTH, boxes_in, write_pictures

Make = Callable[..., Any]


def shape(kind: str, points: Any, label: str = "cat", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}} | more


def write(path: Path, shapes: list[dict[str, Any]], image: str, **more: Any) -> None:
    content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | {"imageHeight": HEIGHT, "imageWidth": WIDTH} | more))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "source", ["0.png"])
    return tmp_path / "source"


@pytest.mark.parametrize(
    ("kind", "points", "box"),
    [
        ("rectangle", [[60, 40], [10, 10]], [10, 10, 60, 40]),  # drawn from the bottom right
        ("rectangle", [["10", "10"], ["60", "40"]], [10, 10, 60, 40]),
        ("polygon", [[10, 20], [40, 10], [60, 40]], [10, 10, 60, 40]),
        ("circle", [[50, 50], [50, 30]], [30, 30, 70, 70]),
        ("linestrip", [[10, 20], [40, 10], [60, 40]], [10, 10, 60, 40]),
        ("mask", [[10, 10], [59, 39]], [10, 10, 60, 40]),
        ("rotation", [[30, 10], [60, 20], [50, 40], [20, 30]], [20, 10, 60, 40]),
        (None, [[10, 10], [60, 10], [60, 40]], [10, 10, 60, 40]),
    ],
)
def test_shapes(
    kind: Any, points: Any, box: list[int], source: Path, tmp_path: Path, recipe_for: Make
) -> None:
    write(source / "0.json", [shape(kind, points)], "0.png")
    assert prepare_dataset(recipe_for("labelme")).dropped == {}
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", box)]}


def test_what_is_no_box_is_counted(source: Path, tmp_path: Path, recipe_for: Make) -> None:
    shapes = [
        shape("rectangle", [[10, 10], [60, 40]]),
        shape("point", [[5, 5]]),
        shape("rectangle", [[10, 10], [60, 40]], label=" "),
        shape("cube", [[10, 10], [60, 40]]),
        shape("rectangle", [[10, float("nan")], [60, 40]]),
        shape("rectangle", [[10], [60, 40]]),
    ]
    write(source / "0.json", shapes, "0.png")
    assert prepare_dataset(recipe_for("labelme")).dropped == {
        REGION_WITHOUT_BOX: 1,
        REGION_WITHOUT_LABEL: 1,
        REGION_UNREADABLE: 1,
        BOX_NOT_FINITE: 1,
        BOX_NOT_FOUR_NUMBERS: 1,
    }
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", [10, 10, 60, 40])]}


def test_parts_of_one_object_become_one_box(source: Path, tmp_path: Path, recipe_for: Make) -> None:
    shapes = [
        shape("polygon", [[10, 10], [20, 10], [20, 20]], group_id=1),
        shape("polygon", [[50, 30], [60, 30], [60, 40]], group_id=1),
        shape("polygon", [[50, 30], [60, 30], [60, 40]], "dog", group_id=1),
        shape("rectangle", [[10, 10], [20, 20]], group_id=1),
    ]
    write(source / "0.json", shapes, "0.png")
    prepare_dataset(recipe_for("labelme"))
    assert boxes_in(tmp_path / "dataset", ["0.png"])["0.png"] == [
        ("cat", [10, 10, 60, 40]),
        ("dog", [50, 30, 60, 40]),
        ("cat", [10, 10, 20, 20]),
    ]


@pytest.mark.parametrize(
    ("place", "stated"),
    [
        ("labels/a/0.json", r"..\..\images\a\0.png"),
        ("images/a/0.json", r"C:\photos\of another machine\renamed.png"),  # the image has the file's name
        ("labels/0.json", "/home/anna/set/a/0.png"),
        ("images/a/0.json", "0%2Epng"),
    ],
)
def test_image_paths(place: str, stated: str, tmp_path: Path, recipe_for: Make) -> None:
    names = ["a/0.png", "b/0.png"]
    write_pictures(tmp_path / "source/images", names)
    write(tmp_path / "source" / place, [shape("rectangle", [[10, 10], [60, 40]])], stated)
    prepare_dataset(recipe_for("labelme"))
    assert boxes_in(tmp_path / "dataset", names) == {"a/0.png": [("cat", [10, 10, 60, 40])]}


def test_folders_are_splits(tmp_path: Path, recipe_for: Make) -> None:
    names = ["train/0.png", "valid/0.png", "test/0.png"]
    write_pictures(tmp_path / "source", names)
    for number, name in enumerate(names):
        box = [[10 + number, 10], [60, 40]]
        write(tmp_path / "source" / name.replace("png", "json"), [shape("rectangle", box)], "0.png")
    assert prepare_dataset(recipe_for("labelme")).dropped == {FILE_IN_NO_SPLIT: 1}
    assert boxes_in(tmp_path / "dataset", names) == {"train/0.png": [("cat", [10, 10, 60, 40])]}
    assert boxes_in(tmp_path / "dataset", names, "val") == {"valid/0.png": [("cat", [11, 10, 60, 40])]}


def test_files_that_cannot_be_used_are_counted(source: Path, recipe_for: Make) -> None:
    for number in range(4):
        write(source / f"{number}.json", [shape("rectangle", [[10, 10], [60, 40]])], f"{number}.png")
    (source / "1.json").write_bytes((source / "1.json").read_bytes()[:100])
    (source / "2.json").write_text('{"shapes": 5}')
    card = prepare_dataset(recipe_for("labelme", max_bad_share=0.9))
    assert card.dropped == {ANNOTATION_UNREADABLE: 2, IMAGE_MISSING: 1}


def test_two_files_about_one_image_are_refused(source: Path, recipe_for: Make) -> None:
    for name in ("0.json", "copy.json"):
        write(source / name, [shape("rectangle", [[10, 10], [60, 40]])], "0.png")
    with pytest.raises(UserError, match=r"0\.json and .*copy\.json both describe .*0\.png: keep one"):
        prepare_dataset(recipe_for("labelme"))


def test_keys_without_effect_are_refused(source: Path, recipe_for: Make) -> None:
    write(source / "0.json", [shape("rectangle", [[10, 10], [60, 40]])], "0.png")
    with pytest.raises(UserError, match=r"source\.boxes: files of source\.kind=labelme .*remove the key"):
        prepare_dataset(recipe_for("labelme", {"boxes": "xywh"}))
    with pytest.raises(ValueError, match=r"source\.label: only read with source\.kind=via"):
        recipe_for("labelme", {"label": "class"})


def test_a_category_called_train_is_no_split(tmp_path: Path, recipe_for: Make) -> None:
    names = ["train/0.png", "bus/0.png"]
    write_pictures(tmp_path / "source", names)
    for name in names:
        path = tmp_path / "source" / name.replace("png", "json")
        write(path, [shape("rectangle", [[10, 10], [60, 40]], name.partition("/")[0])], "0.png")
    prepare_dataset(recipe_for("labelme", val_ratio=0.0))
    assert boxes_in(tmp_path / "dataset", names) == {
        "train/0.png": [("train", [10, 10, 60, 40])],
        "bus/0.png": [("bus", [10, 10, 60, 40])],
    }


def test_two_images_of_one_name_are_no_guess(source: Path, recipe_for: Make) -> None:
    write(source / "0.json", [shape("rectangle", [[10, 10], [60, 40]])], "gone.png")
    (source / "0.JPG").write_bytes((source / "0.png").read_bytes())
    with pytest.raises(UserError, match=r"0\.json: its image can be .*0\.JPG or .*0\.png: keep only"):
        prepare_dataset(recipe_for("labelme"))


def test_hidden_files_are_no_annotations(source: Path, tmp_path: Path, recipe_for: Make) -> None:
    for name in ("0.json", "._0.json", ".ipynb_checkpoints/0-checkpoint.json"):
        write(source / name, [shape("rectangle", [[10, 10], [60, 40]])], "0.png")
    assert prepare_dataset(recipe_for("labelme")).dropped == {}
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", [10, 10, 60, 40])]}
