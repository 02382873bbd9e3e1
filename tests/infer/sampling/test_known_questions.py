import json
from typing import Any

import pytest

from grounding.boxes import Box
from grounding.yes_no.yes_no_mark import TRUTH, YES_NO_KEY
from infer.sampling.known_questions import read_known_questions

REGION = {"box": [1, 2, 300, 400], "show": "text", "label": None, "phrases": ["a cat"]}


def rewrite(dataset: Any, rows: list[dict[str, Any]]) -> None:
    (dataset.path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def rows(dataset: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (dataset.path / "train.jsonl").read_text().splitlines()]


def test_the_line_is_that_of_the_record(dataset: Any, rows: list[dict[str, Any]]) -> None:
    yes_no = rows[0] | {YES_NO_KEY: TRUTH, "objects": None}
    words = rows[0] | {"region": REGION, "objects": None}
    rewrite(dataset, [yes_no, rows[0], rows[1], words, rows[2]])
    known = read_known_questions(dataset.path)
    assert [item.line for item in known] == [2, 3, 5]
    assert [item.row for item in known] == rows[:3]
    assert [item.question.image for item in known] == [row["images"][0] for row in rows[:3]]
    assert [item.line for item in read_known_questions(dataset.path, 2)] == [2, 3]


def test_objects_named_twice_are_wanted_once(dataset: Any, rows: list[dict[str, Any]]) -> None:
    rows[0]["messages"][-1]["content"] = "<ref-object><bbox><ref-object><bbox><ref-object><bbox>"
    boxes = [[0, 0, 500, 500], [0, 0, 500, 500], [0, 0, 250, 250]]
    rows[0]["objects"] = {"ref": ["red square"] * 3, "bbox": boxes}
    rewrite(dataset, rows[:1])
    (known,) = read_known_questions(dataset.path)
    assert [item.box for item in known.wanted] == [Box(0, 0, 32, 32), Box(0, 0, 16, 16)]
    assert len(known.reading.detections) == 3
