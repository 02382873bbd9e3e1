import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import BOX_NOT_FINITE, BOX_NOT_FOUR_NUMBERS, BOX_UPSIDE_DOWN, IMAGE_EMPTY
from tests.prepare.sources.formats.drawn_source import HEIGHT, WIDTH, boxes_in, write_pictures

Make = Callable[..., Any]
BOX = [10, 10, 60, 40]


def detection(name: str, *instances: dict[str, Any]) -> dict[str, Any]:
    return {"filename": name, "height": HEIGHT, "width": WIDTH, "detection": {"instances": list(instances)}}


def grounding(name: str, *regions: tuple[Any, Any]) -> dict[str, Any]:
    found = [{"bbox": box, "phrase": phrase} for phrase, box in regions]
    return {
        "filename": name,
        "height": HEIGHT,
        "width": WIDTH,
        "grounding": {"caption": "Two cats and a red dog", "regions": found},
    }


def write(folder: Path, *rows: dict[str, Any], images: int = 1) -> None:
    write_pictures(folder / "images", [f"{number}.png" for number in range(images)])
    (folder / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def test_detection_and_grounding(tmp_path: Path, recipe_for: Make) -> None:
    write(
        tmp_path / "source",
        detection("0.png", {"bbox": BOX, "label": 0, "category": "cat"}),
        grounding("1.png", ("two cats", [[0, 0, 20, 20], [20, 20, 40, 40]]), ("a red  dog", BOX)),
        grounding("1.png", ("the dog", BOX), ("a red dog", BOX)),  # another caption of the same image
        detection("2.png"),
        images=3,
    )
    card = prepare_dataset(recipe_for("odvg"))
    assert card.dropped == {IMAGE_EMPTY: 1}
    assert boxes_in(tmp_path / "dataset", ["0.png", "1.png", "2.png"]) == {
        "0.png": [("cat", BOX)],
        "1.png": [
            ("two cats", [0, 0, 20, 20]),
            ("two cats", [20, 20, 40, 40]),
            ("a red dog", BOX),
            ("the dog", BOX),
        ],
    }


def test_numbers_with_a_file_of_names(tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", detection("0.png", {"bbox": BOX, "label": 1}))
    with pytest.raises(
        UserError, match=r"line 1: .*no category, and no file label_map\.json that names label 1"
    ):
        prepare_dataset(recipe_for("odvg"))
    (tmp_path / "source/label_map.json").write_text('{"0": "cat", "1": "dog"}')
    prepare_dataset(recipe_for("odvg"))
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("dog", BOX)]}


def test_bad_boxes_are_counted(tmp_path: Path, recipe_for: Make) -> None:
    bad = [[60, 40, 10, 10], [10, 10, float("nan"), 40], [10, 10, 60], "word"]
    boxes = [BOX, [0, 0, 9, 9], [5, 5, 30, 30], *bad]
    write(tmp_path / "source", grounding("0.png", *(("cat", box) for box in boxes)))
    card = prepare_dataset(recipe_for("odvg"))
    assert card.dropped == {BOX_UPSIDE_DOWN: 1, BOX_NOT_FINITE: 1, BOX_NOT_FOUR_NUMBERS: 2}
    found = boxes_in(tmp_path / "dataset", ["0.png"])["0.png"]
    assert found == [("cat", BOX), ("cat", [0, 0, 9, 9]), ("cat", [5, 5, 30, 30])]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"image": "0.png"}, "line 1: filename: a text is needed, there is None"),
        ({"filename": "0.png"}, "line 1: neither `detection` nor `grounding`"),
        (grounding("0.png", (["a", "b"], BOX)), r"grounding\.regions\[0\]\.phrase: a text is needed"),
        (grounding("0.png", ("cat", [0.05, 0.1, 0.3, 0.4])), r"set source\.units=relative"),
        (grounding("../0.png", ("cat", BOX)), "none of its images is in"),
    ],
)
def test_what_is_refused(row: dict[str, Any], message: str, tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", row)
    (tmp_path / "source/images/0.png").rename(tmp_path / "source/images/9.png") if ".." in str(row) else None
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe_for("odvg"))


def test_other_boxes(tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", grounding("0.png", ("cat", [0.05, 0.1, 0.25, 0.3])))
    prepare_dataset(recipe_for("odvg", {"boxes": "xywh", "units": "relative"}))
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", BOX)]}


def test_a_byte_order_mark(tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", grounding("0.png", ("cat", BOX)))
    file = tmp_path / "source/train.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    prepare_dataset(recipe_for("odvg"))
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", BOX)]}
