import json
from pathlib import Path

import pytest

from grounding.candidates.candidate_list import CandidateList, ListedCandidate
from grounding.errors import UserError
from infer.mine.worst_answers import read_worst_answers
from tests.infer.mine.stubborn_engine import mine_in, rows_of, write_rows


def test_the_hardest_come_first_with_their_worst_and_best_answer(mined: Path) -> None:
    found = read_worst_answers(mined)
    assert [int(Path(item.image).stem) for item in found] == [2, 1, 5, 3, 4, 0]
    assert [item.worst.image_id for item in found] == [1, 2, 3, 4, 5, 6]
    assert [item.summary for item in found] == [
        "dog: wrong label 2",
        "dog: missed 2",
        "copied 2",
        "cow: IoU 0.3 to 0.6 2",
        "cow: invented in 50%",
        "",
    ]
    invented = found[4]
    assert [item.label for item in invented.worst.detections] == ["cat", "cow"]
    assert [item.label for item in invented.best.detections] == ["cat"]
    assert invented.objects == invented.best.detections
    assert (invented.size.width, invented.size.height) == (20, 20)


def test_answers_keep_the_candidates_of_their_questions(source: Path, checkpoint: Path) -> None:
    listed = CandidateList("Boxes:\n{candidates}", (ListedCandidate((100, 100, 500, 500), "cat", None),))
    rows = rows_of(source / "train.jsonl")
    for row in rows[1:3]:
        row["messages"][1]["content"] = listed.add_to(row["messages"][1]["content"], "objects")
        row["candidates"] = listed.as_json()
    write_rows(source / "train.jsonl", rows)
    found = read_worst_answers(mine_in(source.parent, checkpoint))
    assert [int(Path(item.image).stem) for item in found if item.worst.candidates] == [2, 1]
    for item in found[:2]:
        assert [(one.label, one.box.xyxy) for one in item.worst.candidates] == [("cat", (2, 2, 10, 10))]
        assert item.best.candidates == item.worst.candidates


def test_other_folders_are_refused(mined: Path, source: Path) -> None:
    with pytest.raises(
        UserError, match=r"graded\.jsonl: no such file: '.*' is no folder of `python -m infer\.mine`"
    ):
        read_worst_answers(source)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("hardness", "much", "hardness"),
        ("image", "images/other.png", "row 2 is about images/other.png"),
        ("objects", [{"label": "cat"}], "the row of line 2"),
        ("objects", [{"label": "cat", "box": [0, 0, 1]}], "a box has 3 numbers"),
    ],
)
def test_rows_of_another_form_are_refused(mined: Path, key: str, value: object, message: str) -> None:
    rows = rows_of(mined / "graded.jsonl")
    rows[1][key] = value
    write_rows(mined / "graded.jsonl", rows)
    with pytest.raises(UserError, match=message) as raised:
        read_worst_answers(mined)
    assert str(raised.value).endswith("mine again with overwrite=true")


def test_answers_of_another_form_are_refused(mined: Path) -> None:
    rows = rows_of(mined / "samples.jsonl")
    rows[1]["answers"][0]["detections"] = [{"label": 3, "box": [0, 0, 1, 1]}]
    write_rows(mined / "samples.jsonl", rows)
    with pytest.raises(UserError, match="line 2"):
        read_worst_answers(mined)
    write_rows(mined / "samples.jsonl", rows[:-1])
    with pytest.raises(UserError, match="mine again"):
        read_worst_answers(mined)
    (mined / "samples.jsonl").write_text(json.dumps([]))
    with pytest.raises(UserError, match="not a JSON object"):
        read_worst_answers(mined)
