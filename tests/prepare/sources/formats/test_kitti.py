from collections.abc import Callable
from pathlib import Path
from typing import Any

from prepare.pipeline import prepare_dataset
from prepare.reasons import ANNOTATION_UNREADABLE, BOX_OF_CROWD, IMAGE_MISSING
from tests.prepare.sources.formats.drawn_source import boxes_in, write_pictures

Make = Callable[..., Any]
SPACE = "1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"
CAR = f"Car 0.00 0 -1.58 10.00 10.00 60.00 40.00 {SPACE}"
ANYTHING = "DontCare -1 -1 -10 100.00 0.00 120.00 20.00 -1 -1 -1 -1000 -1000 -1000 -10"


def write(source: Path, place: str, *lines: str) -> None:
    path = source / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def test_labels(tmp_path: Path, recipe_for: Make) -> None:
    names = [f"training/image_2/{number:06d}.png" for number in range(2)]
    write_pictures(tmp_path / "source", names)
    write_pictures(tmp_path / "source/training/image_3", ["000000.png"])  # the right camera's
    walker = CAR.replace("Car", "Pedestrian").replace("60.00", "70.00")
    write(tmp_path / "source", "training/label_2/000000.txt", CAR, ANYTHING, f"{walker} 0.98")
    write(tmp_path / "source", "training/label_2/000001.txt", CAR)
    card = prepare_dataset(recipe_for("kitti", val_ratio=0.0))
    assert [category.name for category in card.categories] == ["Car", "Pedestrian"]
    assert card.dropped == {BOX_OF_CROWD: 2}  # once for each category
    assert boxes_in(tmp_path / "dataset", names) == {
        names[0]: [("Car", [10, 10, 60, 40]), ("Pedestrian", [10, 10, 70, 40])],
        names[1]: [("Car", [10, 10, 60, 40])],
    }


def test_damage_is_counted(tmp_path: Path, recipe_for: Make) -> None:
    write_pictures(tmp_path / "source", [f"images/train/{number}.png" for number in range(4)])
    lines = [CAR, CAR.replace("60.00", "nan"), CAR[:20], CAR.encode("utf-16").hex(), CAR]
    for number, line in enumerate(lines):
        write(tmp_path / "source", f"labels/train/{number}.txt", line)
    card = prepare_dataset(recipe_for("kitti", val_ratio=0.0, max_bad_share=0.9))
    assert card.dropped == {ANNOTATION_UNREADABLE: 3, IMAGE_MISSING: 1}
    found = boxes_in(tmp_path / "dataset", ["0.png"])
    assert found == {"0.png": [("Car", [10, 10, 60, 40])]}


def test_regions_to_ignore_are_never_objects(tmp_path: Path, recipe_for: Make) -> None:
    write_pictures(tmp_path / "source", ["image_2/0.png"])
    write(tmp_path / "source", "label_2/0.txt", CAR, ANYTHING)
    prepare_dataset(recipe_for("kitti", {"crowds": "objects"}, val_ratio=0.0))
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("Car", [10, 10, 60, 40])]}
