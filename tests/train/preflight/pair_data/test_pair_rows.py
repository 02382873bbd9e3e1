from typing import Any

import pytest

from grounding.record import flaws
from grounding.record.contract import Contract
from train.preflight.pair_data.pair_rows import NO_PAIR, PICTURE_IN_ANSWER, SAME_ANSWERS, check_pair

OBJECTS = {"ref": ["red square"] * 3, "bbox": [[0, 0, 10, 10], [0, 0, 20, 20], [5, 5, 30, 30]]}


def answer(text: str, role: str = "assistant") -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def pair(**changes: Any) -> dict[str, Any]:
    """Return a row with one object in the chosen answer and two in the rejected one; ... removes a key."""
    row = {
        "messages": [{"role": "user", "content": "<image>Task: Object Detection"}],
        "chosen_response": answer("<ref-object><bbox>"),
        "rejected_response": answer("<ref-object><bbox>, <ref-object><bbox>"),
        "images": ["images/1.png"],
        "objects": OBJECTS,
    } | changes
    return {key: value for key, value in row.items() if value is not ...}


def kinds(row: Any, contract: Contract = Contract()) -> list[str]:  # noqa: B008 (frozen)
    return [flaw.kind for flaw in check_pair(row, contract)]


def test_pairs_with_and_without_placeholders_are_right() -> None:
    assert kinds(pair()) == []
    texts = {"chosen_response": answer("red square(0,0),(10,10)"), "rejected_response": answer("no idea")}
    assert kinds(pair(**texts, objects=...)) == []
    assert kinds(pair(**texts, objects=..., rewards=[1.0, 0.0])) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"chosen_response": ...}, NO_PAIR),
        ({"rejected_response": None}, NO_PAIR),
        ({"rejected_response": []}, NO_PAIR),
        ({"rejected_response": "text"}, NO_PAIR),
        ({"chosen_response": answer("red", role="user")}, NO_PAIR),
        ({"chosen_response": [{"role": "assistant", "content": None}]}, NO_PAIR),
        ({"chosen_response": answer("a") + answer("b", "user") + answer("c")}, NO_PAIR),
        ({"messages": ...}, flaws.BAD_MESSAGES),
        ({"messages": [*pair()["messages"], *answer("what?")]}, flaws.BAD_MESSAGES),
        ({"images": []}, flaws.BAD_IMAGES),
        ({"images": ["a.png", "b.png"]}, flaws.IMAGE_COUNT),
        ({"chosen_response": answer("<image>red square(0,0),(10,10)")}, flaws.IMAGE_PLACE),
        ({"rejected_response": answer("<ref-object><bbox>" * 2 + "<image>")}, PICTURE_IN_ANSWER),
        ({"rejected_response": answer("<ref-object><bbox>" * 2 + "<video>")}, PICTURE_IN_ANSWER),
        ({"rejected_response": answer("<ref-object><bbox>" * 2 + "<|image_pad|>")}, PICTURE_IN_ANSWER),
        ({"chosen_response": answer("<ref-object><bbox><|vision_start|>")}, PICTURE_IN_ANSWER),
        ({"rejected_response": answer("<ref-object><bbox>")}, flaws.REF_COUNT),
        ({"rejected_response": answer("<ref-object><bbox><bbox><bbox>")}, flaws.REF_COUNT),
        ({"objects": {"ref": ["red square"], "bbox": [[0, 0, 10, 10]]}}, flaws.REF_COUNT),
        ({"objects": ...}, flaws.REF_COUNT),
        ({"objects": "none"}, flaws.BAD_OBJECTS),
        (
            {
                "chosen_response": answer("red square(0,0),(10,10)"),
                "rejected_response": answer("red square(0,0),(10,10)"),
                "objects": ...,
            },
            SAME_ANSWERS,
        ),
        (
            {"chosen_response": answer("I like it"), "rejected_response": answer("no"), "objects": ...},
            flaws.BAD_ANSWER,
        ),
    ],
)
def test_each_fault_is_named(changes: dict[str, Any], kind: str) -> None:
    assert kind in kinds(pair(**changes))


def test_a_row_that_is_no_object_is_named() -> None:
    assert kinds([]) == [flaws.NOT_JSON]


def test_another_system_prompt_than_the_cards_is_named() -> None:
    assert kinds(pair(), Contract(system_prompt="Be brief.")) == [flaws.OTHER_SYSTEM]


def test_conversations_that_were_kept_word_for_word_may_be_about_anything() -> None:
    row = pair(chosen_response=answer("I like it"), rejected_response=answer("no"), objects=...)
    assert kinds(row, Contract(is_verbatim=True)) == []


def test_an_answer_of_a_label_that_the_card_does_not_know_is_taken() -> None:
    """The model gave it: how good it is, its reward has said."""
    row = pair(
        chosen_response=answer("cat(0,0),(10,10)"), rejected_response=answer("(0,0),(0,0)"), objects=...
    )
    assert kinds(row, Contract(labels=frozenset({"dog"}), answer_format="objects")) == []


def about_two(**changes: Any) -> dict[str, Any]:
    """Return a row about two pictures, whose answers name their pictures."""
    two = {"messages": [{"role": "user", "content": "<image><image>Task: Object Detection"}]}
    two["images"] = ["images/1.png", "images/2.png"]  # type: ignore[assignment]
    boxes = "Image 2: <ref-object><bbox>"
    answers = {"chosen_response": answer(boxes), "rejected_response": answer(f"{boxes}, <ref-object><bbox>")}
    return pair(**(two | answers | {"objects": {**OBJECTS, "image_id": [1, 1, 1]}} | changes))


def test_a_box_of_a_pair_is_in_the_picture_that_its_answer_names() -> None:
    assert kinds(about_two()) == []
    assert kinds(about_two(objects={**OBJECTS, "image_id": [0, 1, 1]})) == [flaws.LOST_IN_READING]
    assert kinds(about_two(objects=OBJECTS)) == [flaws.BOX_UNPLACED]
    assert kinds(about_two(objects={**OBJECTS, "image_id": [1, 1]})) == [flaws.BOX_PICTURES]
    assert (
        kinds(about_two(objects={**OBJECTS, "image_id": [1, 2, 1]})) == []
    )  # a rejected answer may be wrong
    texts = {"rejected_response": answer("none"), "objects": ...}
    assert kinds(about_two(chosen_response=answer("Image 2: red square(0,0),(10,10)"), **texts)) == []
