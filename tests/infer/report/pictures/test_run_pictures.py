import json
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.report.pictures.run_pictures import RunPlace, read_run_pictures

MARK = {"box": [1, 2, 300, 400], "show": "text", "label": None, "phrases": ["a cat"]}


def write(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / "predictions.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_answers_in_words_are_no_defects_of_their_picture(dataset: Any, tmp_path: Path) -> None:
    row = {"image_id": 101, "image": "images/000101.png", "detections": [], "raw": "[]", "problems": []}
    words = row | {"image_id": 10**14, "raw": "", "problems": ["empty answer"], "region": MARK}
    run = RunPlace(write(tmp_path, [row, words]), dataset.path)
    (picture,) = read_run_pictures(run)
    assert (picture.name, picture.problems, picture.is_readable) == ("images/000101.png", (), True)
    write(tmp_path, [words])
    with pytest.raises(UserError, match="no prediction in it"):
        read_run_pictures(run)


def test_each_picture_of_a_question_is_inspected_by_itself(dataset: Any, tmp_path: Path) -> None:
    pictures = [{"image_id": number, "image": f"images/000{number}.png"} for number in (101, 102)]
    found = [{"label": "red square", "box": [1, 2, 3, 4], "picture": 1}]
    row = {**pictures[0], "pictures": pictures, "detections": found, "raw": "", "problems": ["truncated"]}
    run = RunPlace(write(tmp_path, [row]), dataset.path)
    first, second = read_run_pictures(run)
    assert [len(each.detections) for each in (first, second)] == [0, 1]
    assert second.detections[0].picture == 0
    assert {each.problems for each in (first, second)} == {("truncated",)}
    write(tmp_path, [row, {**pictures[1], "detections": []}])
    with pytest.raises(UserError, match="line 2: image_id 102 comes a second time"):
        read_run_pictures(run)
