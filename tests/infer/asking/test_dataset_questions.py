import json
from dataclasses import replace
from typing import Any

import pytest

from grounding.boxes import Size
from grounding.errors import UserError
from infer.asking.dataset_questions import fingerprint_questions, read_questions
from tests.infer.several_pictures import GROUPS, join_questions


def test_records_that_share_an_image_take_its_entries_in_order(dataset: Any) -> None:
    """Of several questions about one image, each has an entry, and an id, of its own."""
    lines = (dataset.path / "val.jsonl").read_text(encoding="utf-8").splitlines()
    truth = json.loads((dataset.path / "annotations_val.json").read_text(encoding="utf-8"))
    truth["images"].insert(2, truth["images"][1] | {"id": 9001})
    truth["images"].append(truth["images"][1] | {"id": 9002})
    (dataset.path / "annotations_val.json").write_text(json.dumps(truth), encoding="utf-8")
    records = [*lines[:2], lines[1], *lines[2:], lines[1]]
    (dataset.path / "val.jsonl").write_text("".join(f"{line}\n" for line in records), encoding="utf-8")
    ids = [question.image_id for question in read_questions(dataset.path, "val")]
    assert ids == [image["id"] for image in truth["images"]]
    assert len(set(ids)) == len(ids)


def test_a_question_that_names_an_object_is_asked_as_trained(dataset: Any) -> None:
    path = dataset.path / "val.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[0]["messages"][-2]["content"] = "<image>What is beside <ref-object><bbox>?"
    rows[0]["objects"]["ref"].insert(0, "cup")
    rows[0]["objects"]["bbox"].insert(0, [1, 2, 3, 4])
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert read_questions(dataset.path, "val")[0].request.user == (
        "<image>What is beside <|object_ref_start|>cup<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>?"
    )


@pytest.mark.parametrize("split", ["train", "val"])
def test_yes_no_questions_about_boxes_are_not_asked(
    dataset: Any, split: str, caplog: pytest.LogCaptureFixture
) -> None:
    """They would be scored as answers without boxes."""
    before = read_questions(dataset.path, split)
    path = dataset.path / f"{split}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    marked = [row | {"yes_no": "truth", "images": ["images/yes_no_1.png"]} for row in rows]
    mixed = [row for pair in zip(marked, rows, strict=True) for row in pair]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in mixed), encoding="utf-8")
    with caplog.at_level("INFO"):
        assert read_questions(dataset.path, split) == before
    assert f"{len(rows)} yes/no questions about boxes are not asked" in caplog.text
    assert read_questions(dataset.path, split, 2) == before[:2]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in marked), encoding="utf-8")
    with pytest.raises(UserError, match="no record in it"):
        read_questions(dataset.path, split)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": []}, r"val\.jsonl, line 1: not a training record \(images is not a list of paths\)"),
        ({"images": ["a.png", "b.png"]}, "line 1: 2 `images`, and 1 times <image> in the user's messages"),
        ({"messages": [{"role": "user", "content": "Where?"}]}, "line 1: no user message with <image>"),
        (
            {"messages": [{"role": "assistant", "content": "<image>"}]},
            "line 1: no user message with <image>",
        ),
        ({"messages": [{"content": "<image>"}]}, r"line 1: not a training record \(role is missing\)"),
        ({"images": ["images/gone.png"]}, "line 1: no image"),
        ({"images": ["/etc/hostname"]}, "line 1: /etc/hostname lies outside the data set's folder"),
        ({"images": ["../secret.png"]}, "line 1: ../secret.png lies outside .* not sent to a server"),
    ],
)
def test_a_record_that_is_no_question_is_named(dataset: Any, changes: dict[str, Any], message: str) -> None:
    path = dataset.path / "val.jsonl"
    row = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    path.write_text(json.dumps(row | changes), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_questions(dataset.path, "val")


def test_links_do_not_lead_outside(dataset: Any) -> None:
    image = json.loads((dataset.path / "val.jsonl").read_text(encoding="utf-8").splitlines()[0])["images"][0]
    (dataset.path / image).rename(dataset.path.parent / "secret.png")
    (dataset.path / image).symlink_to("../../secret.png")
    with pytest.raises(UserError, match=r"line 1: .* lies outside the data set's folder"):
        read_questions(dataset.path, "val")


def test_the_pictures_of_the_first_question_are_asked_about_in_their_order(dataset: Any) -> None:
    join_questions(dataset.path)
    questions = read_questions(dataset.path, "val")
    assert [tuple(each.image_id for each in item.pictures) for item in questions] == list(GROUPS)
    second = questions[1]
    assert [(each.size.width, each.size.height) for each in second.pictures] == [
        (33, 90),
        (200, 150),
        (64, 48),
    ]
    assert second.asked.sizes == tuple(each.size for each in second.pictures)
    assert [path.name for path in second.request.images] == ["000103.png", "000104.png", "000105.png"]
    assert (second.image_id, second.size, second.image) == (103, Size(33, 90), "images/000103.png")
    assert [item.is_about_several for item in questions] == [True, True, False, False]
    turned = replace(
        second,
        pictures=second.pictures[::-1],
        request=replace(second.request, images=second.request.images[::-1]),
    )
    hashes = {
        fingerprint_questions([item]) for item in (second, turned, replace(second, pictures=second.pictures))
    }
    assert len(hashes) == 2


def test_pictures_that_later_turns_show_are_not_asked_about(dataset: Any) -> None:
    join_questions(dataset.path)
    path = dataset.path / "val.jsonl"
    row = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    row["messages"] += [
        {"role": "user", "content": "<image>And here?"},
        {"role": "assistant", "content": "No"},
    ]
    row["images"].append("images/000107.png")
    path.write_text(json.dumps(row), encoding="utf-8")
    (question,) = read_questions(dataset.path, "val")
    assert [each.image_id for each in question.pictures] == [101, 102]
    assert len(question.request.images) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("images/gone.png", "line 1: no image"),
        ("../secret.png", "line 1: ../secret.png lies outside .* not sent to a server"),
    ],
)
def test_every_picture_of_a_question_is_checked(dataset: Any, name: str, message: str) -> None:
    join_questions(dataset.path)
    path = dataset.path / "val.jsonl"
    row = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    row["images"][1] = name
    path.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_questions(dataset.path, "val")
