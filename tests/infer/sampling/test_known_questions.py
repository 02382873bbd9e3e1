import json
from dataclasses import replace
from typing import Any

import pytest

from grounding.boxes import Box
from grounding.yes_no.yes_no_mark import TRUTH, YES_NO_KEY
from infer.asking.parsed_answers import ParsedAnswer
from infer.sampling.graded_answers import grade, graded_row, read_graded_row
from infer.sampling.known_questions import read_known_questions
from tests.infer.several_pictures import join_questions

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


def test_objects_are_wanted_in_their_pictures(dataset: Any) -> None:
    join_questions(dataset.path, "train")
    known = read_known_questions(dataset.path)
    assert [[item.picture for item in each.wanted] for each in known] == [[0, 1], [0, 1, 2], [0], [0]]
    assert known[0].wanted[1].box == Box(12, 4, 60, 20)  # in pixels of its picture
    answers = ParsedAnswer("", known[0].wanted, ())
    kept = read_graded_row(known[0], graded_row(known[0], [grade(known[0], answers)]))
    assert kept.answers[0].detections == known[0].wanted
    turned = tuple(replace(item, picture=1 - item.picture) for item in known[0].wanted)
    assert grade(known[0], answers).reward == 1
    assert grade(known[0], ParsedAnswer("", turned, ())).reward < 0.5
