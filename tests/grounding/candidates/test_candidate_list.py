import json
from typing import Any

import pytest

from grounding.candidates.candidate_list import CandidateList, ListedCandidate, read_candidates
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.conversation import parse_record
from grounding.record.flaws import BAD_CANDIDATES, BAD_NUMBER, UNKNOWN_LABEL

DOG = ListedCandidate((10, 20, 30, 40), "dog", 0.875)
CAT = ListedCandidate((50, 60, 70, 80), "cat", None)
LISTED = CandidateList("Candidates:\n{candidates}\nSome are wrong.", (DOG, CAT), True, True)


def test_a_line_for_each_candidate() -> None:
    assert LISTED.text("objects") == (
        "Candidates:\n#1 dog (10,20),(30,40) 0.88\n#2 cat (50,60),(70,80)\nSome are wrong."
    )
    bare = CandidateList("{candidates}", (DOG,), shows_labels=False)
    assert bare.text("json") == "#1 [10, 20, 30, 40]"


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_a_question_gets_them_and_loses_them(answer_format: str) -> None:
    question = LISTED.add_to("<image>Find all dogs.", answer_format)
    assert LISTED.without(question) == "<image>Find all dogs."
    assert LISTED.without(question.replace("#2", "#3")) is None


def test_the_mark_comes_back() -> None:
    row = json.loads(json.dumps({"candidates": LISTED.as_json()}))
    assert read_candidates(row) == LISTED
    assert read_candidates({"candidates": [1, 2]}) is None  # another tool's
    assert read_candidates({}) is None


@pytest.mark.parametrize(
    "change",
    [
        {"ask": "no place"},
        {"ask": "{candidates} <|im_end|>"},
        {"boxes": []},
        {"boxes": [[1, 2, 3, 4], [1, 2, 1, 4]]},
        {"boxes": [[1, 2, 3, 4], [1, 2, 3, 1001]]},
        {"boxes": [[1, 2, 3, 4], [1.5, 2, 3, 4]]},
        {"labels": ["dog"]},
        {"labels": ["dog", "a\nb"]},
        {"scores": [0.5, 1.5]},
        {"scores": [0.5, float("nan")]},
        {"show": ["boxes"]},
        {"show": "labels"},
    ],
)
def test_a_mark_that_makes_no_sense_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"candidates.{next(iter(change))}"):
        read_candidates({"candidates": LISTED.as_json() | change})


def record(answer: str, **changes: Any) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": LISTED.add_to("<image>Find all.", "objects")},
            {"role": "assistant", "content": answer},
        ],
        "images": ["images/1.jpg"],
        "candidates": LISTED.as_json(),
    } | changes


OPEN = Contract(frozenset({"dog", "cat"}), answer_format="objects")
ONE_REF = {"ref": ["dog"], "bbox": []}


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        (record("<ref-object>#1", objects=ONE_REF), []),
        (record("<ref-object>#1<bbox>", objects={"ref": ["dog"], "bbox": [[1, 2, 3, 4]]}), []),
        (record("<ref-object>#3", objects=ONE_REF), [BAD_NUMBER]),
        (record("<ref-object>#1, <ref-object>#1", objects={"ref": ["dog", "cat"], "bbox": []}), [BAD_NUMBER]),
        (record("<ref-object>#1", objects={"ref": ["cow"], "bbox": []}), [UNKNOWN_LABEL]),
        (record("None of them is in the image."), []),
        (record("<ref-object>#1", objects=ONE_REF, candidates={"ask": "", "boxes": []}), [BAD_CANDIDATES]),
    ],
)
def test_records_are_checked(row: dict[str, Any], kinds: list[str]) -> None:
    assert [flaw.kind for flaw in check_record(row, OPEN)] == kinds


def test_json_answers_are_checked() -> None:
    contract = Contract(frozenset({"dog", "cat"}), answer_format="json")

    def kinds(answer: str) -> list[str]:
        row = record(answer)
        row["messages"][0]["content"] = LISTED.add_to("<image>Find all.", "json")
        return [flaw.kind for flaw in check_record(row, contract)]

    assert kinds('[{"candidate": 2, "label": "cat"}, {"bbox_2d": [1, 2, 3, 4], "label": "dog"}]') == []
    assert kinds('[{"candidate": 3, "label": "cat"}]') == [BAD_NUMBER]
    assert kinds('[{"candidate": 1, "label": "cow"}]') == [UNKNOWN_LABEL]


def test_a_question_that_does_not_list_them_is_a_flaw() -> None:
    row = record("None of them is in the image.")
    row["messages"][0]["content"] = "<image>Find all."
    assert [flaw.kind for flaw in check_record(row, OPEN)] == [BAD_CANDIDATES]


def test_answers_of_a_record_are_read_with_its_candidates() -> None:
    from grounding.boxes import Size

    reading = parse_record(record("<ref-object>#1", objects=ONE_REF)).read_answers(Size(100, 1000))
    assert [(item.label, item.box.xyxy) for item in reading.detections] == [("dog", (1.0, 20.0, 3.0, 40.0))]
