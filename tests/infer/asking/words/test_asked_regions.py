import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.regions.region_mark import read_region
from infer.asking.dataset_questions import fingerprint_questions, read_questions
from infer.asking.words.asked_regions import read_region_questions

MARK = {
    "box": [1, 2, 300, 400],
    "show": "crop",
    "label": "cat",
    "phrases": ["a cat", "it"],
    "image": "images/a.png",
}


def described(picture: str, question: str = "What is it?", **changes: Any) -> dict[str, Any]:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": f"<image>{question}"},
        {"role": "assistant", "content": "a cat"},
    ]
    return {"messages": messages, "images": [picture], "region": MARK | changes}


def add_rows(dataset: Path, split: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Put a row before each of the first rows of a split, as many as are given; return all rows."""
    path = dataset / f"{split}.jsonl"
    others = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    mixed = [row for pair in zip(rows, others, strict=False) for row in pair] + others[len(rows) :]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in mixed), encoding="utf-8")
    return mixed


@pytest.fixture
def pictures(dataset: Any) -> list[str]:
    names = [f"images/region_{number}.png" for number in range(3)]
    for number, name in enumerate(names):
        Image.new("RGB", (30 + number, 20), (number, 0, 0)).save(dataset.path / name)
    return names


@pytest.mark.parametrize("split", ["train", "val"])
def test_questions_for_words_are_kept_apart_from_those_about_boxes(
    dataset: Any, pictures: list[str], split: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = read_questions(dataset.path, split)
    assert read_region_questions(dataset.path, split) == []
    rows = [described(picture) for picture in pictures]
    add_rows(dataset.path, split, *rows)
    with caplog.at_level("INFO"):
        assert read_questions(dataset.path, split) == before
        questions = read_region_questions(dataset.path, split)
    assert "3 questions for words about a region are kept apart" in caplog.text
    assert [question.image for question in questions] == pictures
    assert [question.region for question in questions] == [read_region(row) for row in rows]
    assert [question.size for question in questions] == [Size(30, 20), Size(31, 20), Size(32, 20)]
    assert {question.request.user for question in questions} == {"<image>What is it?"}
    assert read_region_questions(dataset.path, split, 2) == questions[:2]
    assert read_questions(dataset.path, split, 2) == before[:2]


def test_a_split_can_ask_for_words_alone(dataset: Any, pictures: list[str]) -> None:
    path = dataset.path / "val.jsonl"
    rows = [described(picture) for picture in pictures]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert read_questions(dataset.path, "val", or_words=True) == []
    assert len(read_region_questions(dataset.path, "val")) == 3
    with pytest.raises(UserError, match="all questions in it ask for words about a region"):
        read_questions(dataset.path, "val")
    yes_no = {key: value for key, value in rows[0].items() if key != "region"} | {"yes_no": "truth"}
    for left in ([yes_no], []):
        path.write_text("".join(f"{json.dumps(row)}\n" for row in left), encoding="utf-8")
        with pytest.raises(UserError, match="no record in it"):
            read_questions(dataset.path, "val", or_words=True)


def test_ids_belong_to_picture_and_question(dataset: Any, pictures: list[str]) -> None:
    add_rows(dataset.path, "val", *[described(picture) for picture in pictures])
    first = {question.image: question.image_id for question in read_region_questions(dataset.path, "val")}
    assert len(set(first.values())) == 3
    assert not set(first.values()) & set(dataset.image_ids)
    twice = described(pictures[0])
    add_rows(dataset.path, "val", twice, described(pictures[0], "Which animal?"))
    again = read_region_questions(dataset.path, "val")
    assert len({question.image_id for question in again}) == len(again) == 5
    assert {first[name] for name in pictures} <= {question.image_id for question in again}


def test_answers_do_not_outlive_the_texts_that_they_are_scored_by(dataset: Any, pictures: list[str]) -> None:
    add_rows(dataset.path, "val", described(pictures[0]))
    first = fingerprint_questions(read_region_questions(dataset.path, "val"))
    (dataset.path / "val.jsonl").write_text(json.dumps(described(pictures[0], phrases=["a cat"])))
    assert fingerprint_questions(read_region_questions(dataset.path, "val")) != first


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (described("images/region_0.png", box=[1, 2, 3]), r"line 1: not a training record \(region\.box"),
        (described("images/region_0.png", image="../secret.png"), r"\.\./secret\.png lies outside"),
        (described("../secret.png"), r"line 1: \.\./secret\.png lies outside"),
        (described("images/gone.png"), "line 1: no image"),
        (described("images/region_0.png") | {"messages": []}, "line 1: no user message"),
    ],
)
def test_a_record_that_cannot_be_asked_is_named(
    dataset: Any, pictures: list[str], row: dict[str, Any], message: str
) -> None:
    add_rows(dataset.path, "val", row)
    with pytest.raises(UserError, match=message):
        read_region_questions(dataset.path, "val")


def test_a_question_for_words_shows_one_picture(dataset: Any) -> None:
    row = described("images/000101.png")
    row["images"].append("images/000102.png")
    row["messages"][1]["content"] = "<image><image>What is it?"
    add_rows(dataset.path, "val", row)
    with pytest.raises(UserError, match=r"line 1: a question for words about a region shows one picture.* 2"):
        read_region_questions(dataset.path, "val")
