from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import GRID
from grounding.markup import BOX_PLACEHOLDER, REF_PLACEHOLDER, find_markup
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.filling import fill_placeholders
from grounding.record.flaws import LOST_IN_READING
from grounding.record.read_back import check_reading_back, lost_in_reading, meant_by_placeholders

ONE = REF_PLACEHOLDER + BOX_PLACEHOLDER


def record(
    answer: str, labels: list[str], boxes: list[list[int]], question: str = "<image>Find."
) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
        "images": ["a.jpg"],
        "objects": {"ref": labels, "bbox": boxes},
    }


def flaws_of(row: dict[str, Any]) -> list[str]:
    return [flaw.piece for flaw in check_record(row, Contract()) if flaw.kind == LOST_IN_READING]


BOXES = st.tuples(*[st.integers(0, GRID - 1)] * 2, *[st.integers(1, GRID)] * 2).map(
    lambda box: [min(box[0], box[2] - 1), min(box[1], box[3] - 1), box[2], box[3]]
)
NAMES = st.text(min_size=1, max_size=12).filter(
    lambda name: name.strip() and not find_markup(name) and not {'"', "'"} & set(name)
)


@given(objects=st.lists(st.tuples(NAMES, BOXES), min_size=1, max_size=4))
def test_what_prepare_writes_comes_back(objects: list[tuple[str, list[int]]]) -> None:
    row = record(", ".join([ONE] * len(objects)), [name for name, _ in objects], [box for _, box in objects])
    assert list(check_reading_back(row["messages"], row["objects"])) == []
    texts = fill_placeholders([message["content"] for message in row["messages"]], row["objects"])
    (meant,) = meant_by_placeholders(row["messages"], row["objects"])
    assert lost_in_reading(texts[-1], meant) is None  # what the check leaves out for plain labels


RIGHT = {
    "several boxes of a name": record(f"{ONE}, {BOX_PLACEHOLDER}", ["cat"], [[1, 2, 3, 4], [5, 6, 7, 8]]),
    "a sentence": record(f"The {REF_PLACEHOLDER} is at {BOX_PLACEHOLDER}, left.", ["cat"], [[1, 2, 3, 4]]),
    "a question with the label": record(
        BOX_PLACEHOLDER, ["cat"], [[1, 2, 3, 4]], f"<image>Where is the {REF_PLACEHOLDER}?"
    ),
    "a question with a box": record(
        REF_PLACEHOLDER, ["cat"], [[1, 2, 3, 4]], f"<image>What is at {BOX_PLACEHOLDER}?"
    ),
    "tokens inside JSON": record(
        f'[{{"label": "{REF_PLACEHOLDER}", "bbox_2d": {BOX_PLACEHOLDER}}}]', ["cat"], [[1, 2, 3, 4]]
    ),
    "a label that looks like JSON": record(ONE, ['the "box" here'], [[1, 2, 3, 4]]),
    "Chinese": record(f"{ONE}，{ONE}", ["红色的猫", "狗"], [[1, 2, 3, 4], [5, 6, 7, 8]]),
}


@pytest.mark.parametrize("row", RIGHT.values(), ids=RIGHT)
def test_answers_that_read_back_are_taken(row: dict[str, Any]) -> None:
    assert flaws_of(row) == []


WRONG = {
    "tokens inside a text of JSON": (
        record(f'[{{"bbox_2d": "{BOX_PLACEHOLDER}", "label": "cat"}}]', [], [[1, 2, 3, 4]]),
        "0 of 1 objects are read in ",
    ),
    "tokens beside JSON": (
        record(f'{ONE}, {{"bbox_2d": [5, 6, 7, 8], "label": "dog"}}', ["cat"], [[1, 2, 3, 4]]),
        "box [1, 2, 3, 4] is read as [5, 6, 7, 8] in ",
    ),
    "words between boxes": (
        record(f"{ONE} and also {BOX_PLACEHOLDER}", ["cat"], [[1, 2, 3, 4], [5, 6, 7, 8]]),
        "label 'cat' is read as 'and also' in ",
    ),
    "a box in a thought": (
        record(f"<think>{ONE}</think>{ONE}", ["cat", "dog"], [[1, 2, 3, 4], [5, 6, 7, 8]]),
        "1 of 2 objects are read in ",
    ),
}


@pytest.mark.parametrize(("row", "message"), WRONG.values(), ids=WRONG)
def test_answers_that_read_otherwise_are_named(row: dict[str, Any], message: str) -> None:
    (piece,) = flaws_of(row)
    assert piece.startswith(message)


def test_a_placeholder_that_is_left_over_is_named() -> None:
    meant = meant_by_placeholders(
        [{"role": "assistant", "content": f"{ONE}, {ONE}"}], {"ref": ["a", "b"], "bbox": [[1, 2, 3, 4]]}
    )
    problem = lost_in_reading("<|object_ref_start|>a<|object_ref_end|><bbox>", meant[0])
    assert problem == "<bbox> is left over in '<|object_ref_start|>a<|object_ref_end|><bbox>'"


def test_a_box_that_is_read_in_another_picture_is_lost() -> None:
    text = "Image 2: <|object_ref_start|>a<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"
    messages = [{"role": "assistant", "content": "Image 2: <ref-object><bbox>"}]
    objects: dict[str, Any] = {"ref": ["a"], "bbox": [[1, 2, 3, 4]], "image_id": [1]}
    (meant,) = meant_by_placeholders(messages, objects)
    assert lost_in_reading(text, meant, images=2) is None
    (meant,) = meant_by_placeholders(messages, objects | {"image_id": [0]})
    assert "of image 1 is read as one of image 2" in str(lost_in_reading(text, meant, images=2))
