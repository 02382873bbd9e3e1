import json
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.suite.pope.question_file import read_pope

ROW = {"question_id": 1, "image": "a.jpg", "text": "Is there a dog in the image?", "label": "yes"}


def write(folder: Path, *rows: Any) -> Path:
    (folder / "images").mkdir()
    (folder / "images" / "a.jpg").write_bytes(b"")
    (folder / "secret.jpg").write_bytes(b"")
    path = folder / "coco_pope_random.json"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_questions_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = write(tmp_path, ROW, ROW | {"question_id": 2, "label": "no"})
    first, second = read_pope(path, tmp_path / "images")
    assert (first.text, first.is_yes, second.is_yes) == (ROW["text"], True, False)
    assert first.file == tmp_path / "images" / "a.jpg"
    assert len(read_pope(path, tmp_path / "images", 1)) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "line 1: no image"),
        (ROW | {"image": 3}, "line 1: no image"),
        (ROW | {"text": ""}, "no text"),
        (ROW | {"label": "maybe"}, "label 'maybe' is neither"),
        (ROW | {"question_id": "1"}, "question_id: a whole number"),
        (ROW | {"image": "../secret.jpg"}, "lies outside"),
        (ROW | {"image": "b.jpg"}, "no image .*b.jpg: set images"),
    ],
)
def test_other_lines_are_refused(tmp_path: Path, row: Any, message: str) -> None:
    path = write(tmp_path, row)
    with pytest.raises(UserError, match=message):
        read_pope(path, tmp_path / "images")


def test_a_file_without_a_question_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no question in it"):
        read_pope(write(tmp_path), tmp_path / "images")
