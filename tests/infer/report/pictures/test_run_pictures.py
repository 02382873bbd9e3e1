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
