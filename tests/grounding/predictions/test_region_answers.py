import json
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.predictions.region_answers import read_region_answers
from grounding.regions.region_mark import Region

MARK = {
    "box": [1, 2, 300, 400],
    "show": "blur",
    "label": "cat",
    "phrases": ["a cat"],
    "image": "images/1.jpg",
}


def answer(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "image_id": number,
        "image": "images/region_1.png",
        "raw": "the cat",
        "detections": [],
        "region": MARK,
    }
    return row | changes


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_answers_come_with_their_regions_and_other_rows_are_left_alone(tmp_path: Path) -> None:
    box_row = {"image_id": 1, "detections": "none"}  # whoever reads boxes complains
    path = write(tmp_path / "predictions.jsonl", box_row, answer(5), answer(3, problems=["truncated"]))
    found = read_region_answers(path)
    assert [(item.row.image_id, item.row.raw, item.row.problems) for item in found] == [
        (5, "the cat", ()),
        (3, "the cat", ("truncated",)),
    ]
    assert {item.region for item in found} == {
        Region((1, 2, 300, 400), "blur", "cat", ("a cat",), "images/1.jpg")
    }


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (answer(5), "line 2: image_id 5 comes a second time"),
        (
            answer(6, region=MARK | {"phrases": []}),
            r"line 2: region\.phrases: .* again",
        ),
        (answer(6, raw=3), "line 2: not a prediction"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_region_answers(write(tmp_path / "predictions.jsonl", answer(5), row))
