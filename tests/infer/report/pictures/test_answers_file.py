import json
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.samples import Detection
from infer.report.pictures.answered_picture import UNREADABLE_PICTURE, AnsweredPicture, FileIdentity
from infer.report.pictures.answers_file import answer_row, read_answers

SMALL = Size(8, 6)
FOUND = (
    Detection("划痕", Box(1, 2, 3.5, 4), 0.25),
    Detection("", Box(0, 0, 1, 1), description="a  long\nscratch"),
)


def picture(folder: Path, name: str = "sub/a.png", size: Size | None = SMALL) -> AnsweredPicture:
    found = FOUND if size else ()
    return AnsweredPicture(
        name, folder / name, FileIdentity("ab", 12, 34), size, found, (None, "a long scratch")[: len(found)],
        () if size else (UNREADABLE_PICTURE,), True, "2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def write(path: Path, *rows: object) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_answers_come_back(tmp_path: Path) -> None:
    pictures = [picture(tmp_path), picture(tmp_path, "b.png", size=None)]
    write(tmp_path / "answers.jsonl", *(answer_row(item, "text") for item in pictures))
    assert read_answers(tmp_path / "answers.jsonl", tmp_path) == pictures
    assert read_answers(tmp_path / "none.jsonl", tmp_path) == []


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write(path, answer_row(picture(tmp_path), ""))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-1])
    assert len(read_answers(path, tmp_path)) == 1
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "../../etc/a.png"}, "is not inside the folder"),
        ({"file": "/etc/a.png"}, "is not inside the folder"),
        ({"size": [0, 5]}, "not that of a picture"),
        ({"size": [5]}, "not enough values"),
        ({"detections": [{"label": "x"}]}, "box"),
        ({"detections": [{"label": "x", "box": [1, 2, 3, 1e300]}]}, "a coordinate is more than"),
        ({"bytes": "many"}, "bytes"),
        ({"problems": None}, "problems"),
    ],
)
def test_rows_of_strangers_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "answers.jsonl"
    write(path, answer_row(picture(tmp_path), ""), answer_row(picture(tmp_path), "") | change)
    with pytest.raises(UserError, match=rf"answers\.jsonl, line 2: not an answer .*{message}"):
        read_answers(path, tmp_path)
