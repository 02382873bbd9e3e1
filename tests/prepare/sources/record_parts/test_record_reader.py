from typing import Any

import pytest

from prepare.reasons import RECORD_UNNAMED, UnusableQueryError
from prepare.sources.record_parts.record_reader import RecordFormatError, read_record

BOX, OTHER = (10, 10, 60, 40), (1, 2, 30, 40)


def record(question: str, answer: str, **objects: Any) -> dict[str, Any]:
    messages = [
        {"role": "user", "content": f"<image>{question}"},
        {"role": "assistant", "content": answer},
    ]
    return {"messages": messages, "images": ["a.png"], "objects": objects}


@pytest.mark.parametrize(
    ("question", "answer", "named"),
    [
        ("Where is the cat?", "The cat is at [10, 10, 60, 40].", [(BOX, "cat")]),
        ("Where is the cat?", "It is located at (10,10),(60,40)", [(BOX, "cat")]),
        ("Where is the cat?", '[{"bbox_2d": [10, 10, 60, 40]}]', [(BOX, "cat")]),
        ("Find all", "a cat(10,10),(60,40) and a dog(1,2),(30,40)", [(BOX, "a cat"), (OTHER, "a dog")]),
        ("Find all", "A cat [10,10,60,40] and a dog [1,2,30,40].", [(BOX, "A cat"), (OTHER, "a dog")]),
        ("Find all", "<p>cat</p> [10,10,60,40] <p>dog</p> [1,2,30,40]", [(BOX, "cat"), (OTHER, "dog")]),
        ("Find all", '{"label": "the box at [3]", "bbox": [10,10,60,40]}', [(BOX, "the box at [3]")]),
    ],
)
def test_a_box_has_the_name_that_the_text_gives_it(question: str, answer: str, named: list[Any]) -> None:
    found = read_record(record(question, answer), "pixels")
    assert list(zip(found.boxes, found.labels, strict=True)) == named


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Find the cat", "The dog is at [10, 10, 60, 40]."),
        ("Find the cat", "The dog is at (10,10),(60,40)."),
        ("Find all", "[10, 10, 60, 40]"),
        ("What is there?", "[10, 10, 60, 40]"),
    ],
)
def test_a_name_is_never_guessed(question: str, answer: str) -> None:
    with pytest.raises(UnusableQueryError, match=RECORD_UNNAMED):
        read_record(record(question, answer), "pixels")


@pytest.mark.parametrize("kind", ["norm9", 5, ["real"], {}])
def test_other_units_are_named(kind: Any) -> None:
    row = record("Find", "<ref-object><bbox>", ref=["a"], bbox=[[0, 0, 9, 9]], bbox_type=kind)
    with pytest.raises(RecordFormatError, match="bbox_type"):
        read_record(row, "grid")
