"""The check of a record: silent on good ones, and every flaw is named."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.record import flaws
from grounding.record.checker import check_record
from grounding.record.contract import Contract

Record = dict[str, Any]


def record(**changes: Any) -> Record:
    made: Record = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "<image>What is there?"},
            {"role": "assistant", "content": "<ref-object><bbox>, <ref-object><bbox>"},
        ],
        "images": ["images/1.jpg"],
        "objects": {"ref": ["cat", "dog"], "bbox": [[0, 0, 10, 10], [5, 5, 1000, 1000]]},
    }
    return made | changes


def saying(content: str, **changes: Any) -> Record:
    made = record(**changes)
    made["messages"][2]["content"] = content
    if "objects" not in changes:
        del made["objects"]
    return made


def kinds(content: Any, contract: Contract = Contract()) -> set[str]:  # noqa: B008
    return {flaw.kind for flaw in check_record(content, contract)}


TALK = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "Fine."}]

GOOD = [
    record(),
    {"messages": TALK, "images": [], "replay": True},
    saying("It is a cat.", replay=True),
    saying("<ref-object><bbox><bbox>", objects={"ref": ["cat"], "bbox": [[0, 0, 1, 1], [2, 2, 3, 3]]}),
    saying('[{"bbox_2d": [1, 2, 3, 4], "label": "cat"}]'),
    saying('```json\n[{"bbox_2d": [1, 2, 3, 4], "label": "cat"}]\n```'),
    saying("[]"),
    saying("None of them is in the image."),
    saying("<|object_ref_start|>cat<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"),
    saying("A cat sits on a mat."),
]

BAD = [
    (3, flaws.NOT_JSON),
    (record(messages=[]), flaws.BAD_MESSAGES),
    (record(messages=record()["messages"][:2]), flaws.BAD_MESSAGES),
    (record(messages=record()["messages"][::-1]), flaws.BAD_MESSAGES),
    (record(messages=[{"role": "user", "content": None}]), flaws.BAD_MESSAGES),
    (record(images="images/1.jpg"), flaws.BAD_IMAGES),
    ({"messages": TALK, "images": []}, flaws.BAD_IMAGES),
    ({"messages": TALK, "images": None, "replay": True}, flaws.BAD_IMAGES),
    ({"messages": TALK, "images": [], "replay": "yes"}, flaws.BAD_IMAGES),
    (record(replay=True), flaws.BAD_REPLAY),
    (saying("cat <bbox>", replay=True), flaws.BAD_REPLAY),
    (record(images=["images/1.jpg", "images/2.jpg"]), flaws.IMAGE_COUNT),
    (saying("<image>[]"), flaws.IMAGE_PLACE),
    (record(objects=[1]), flaws.BAD_OBJECTS),
    (record(objects={"ref": ["cat"], "bbox": [[0, 0, 1, 1], [2, 2, 3, 3]]}), flaws.REF_COUNT),
    (record(objects={"ref": ["cat", "dog"], "bbox": [[0, 0, 1, 1]]}), flaws.BOX_COUNT),
    (record(objects=None), flaws.BOX_COUNT),
    (saying("<bbox><ref-object>", objects={"ref": ["a"], "bbox": [[0, 0, 1, 1]]}), flaws.BOX_FIRST),
    (record(objects={"ref": ["cat", " "], "bbox": [[0, 0, 1, 1], [2, 2, 3, 3]]}), flaws.BAD_LABEL),
    (
        record(objects={"ref": ["cat", "<bbox>"], "bbox": [[0, 0, 1, 1], [2, 2, 3, 3]]}),
        flaws.BAD_LABEL,
    ),
    (saying('[{"bbox_2d": [1, 2, 3, 4]}]'), flaws.BAD_LABEL),
    (saying('[{"bbox_2d": [1, 2, 3], "label": "cat"}]'), flaws.NOT_FOUR),
    (saying('[{"label": "cat"}]'), flaws.NOT_FOUR),
    (saying('[{"bbox_2d": [1, 2, 3, 4.5], "label": "cat"}]'), flaws.NOT_INTEGER),
    (saying('[{"bbox_2d": [1, 2, 3, 1001], "label": "cat"}]'), flaws.OUT_OF_GRID),
    (saying('[{"bbox_2d": [3, 2, 3, 10], "label": "cat"}]'), flaws.WITHOUT_AREA),
    (saying('[{"bbox_2d": [1, 2, 3, 4], "lab'), flaws.BAD_ANSWER),
    (saying("<|box_start|>(1,2),(3,4)<|box_end|>"), flaws.BAD_LABEL),
    (saying("cat<|box_start|>(9,2),(3,4)<|box_end|>"), flaws.WITHOUT_AREA),
    (record(objects={"ref": ["cat"] * 2, "bbox": [[0, 0, 9, 9]] * 2}), flaws.TWICE_IN_ANSWER),
]


@pytest.mark.parametrize("content", GOOD)
def test_good_records(content: Record) -> None:
    assert kinds(content) == set()


@pytest.mark.parametrize(("content", "kind"), BAD, ids=[kind for _, kind in BAD])
def test_every_fault_of_a_record_is_found(content: Any, kind: str) -> None:
    assert kind in kinds(content)


@pytest.mark.parametrize(
    ("content", "contract", "kind"),
    [
        (record(), Contract(labels=frozenset({"cat"})), flaws.UNKNOWN_LABEL),
        (record(), Contract(system_prompt="Be long."), flaws.OTHER_SYSTEM),
        (saying("A cat."), Contract(answer_format="json"), flaws.BAD_ANSWER),
        (saying("A cat."), Contract(answer_format="objects"), flaws.BAD_ANSWER),
    ],
)
def test_the_card_promises_more(content: Record, contract: Contract, kind: str) -> None:
    assert kinds(content) == set()
    assert kinds(content, contract) == {kind}


MARK = {"box": [1, 2, 300, 400], "show": "spotlight", "label": "cat", "phrases": ["a cat", "the black cat"]}


def describing(answer: str = "a cat", **changes: Any) -> Record:
    return saying(answer, region=MARK | changes)


def test_a_question_for_words_is_answered_by_what_is_known_of_its_region() -> None:
    for contract in (Contract(), Contract(frozenset({"dog"}), "Be brief.", "json")):
        assert kinds(describing(), contract) == set()
        assert kinds(describing("the black cat"), contract) == set()
        assert kinds(describing("a dog"), contract) == {flaws.BAD_REGION}
        assert kinds(describing("[]"), contract) == {flaws.BAD_REGION}
        assert kinds(describing(box=[1, 2, 3]), contract) == {flaws.BAD_REGION}
        assert kinds(describing(phrases=[]), contract) == {flaws.BAD_REGION}
        assert kinds(describing(show="glow"), contract) == {flaws.BAD_REGION}
        # A mark of another tool makes no question for words of a record.
        assert kinds(saying("a cat", region="EU"), contract) == kinds(saying("a cat"), contract)


def going_on(question: str, answer: str, **changes: Any) -> Record:
    good = describing()
    more = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return good | {"messages": [*good["messages"], *more]} | changes


CAT_AND_BOX = {"ref": ["cat"], "bbox": [[1, 2, 300, 400]]}


def test_a_question_for_words_can_go_on_with_objects() -> None:
    for contract in (Contract(), Contract(frozenset({"cat"}), "Be brief.", "objects")):
        assert kinds(going_on("Where?", "<ref-object><bbox>", objects=CAT_AND_BOX), contract) == set()
        flat = CAT_AND_BOX | {"bbox": [[1, 2, 1, 400]]}
        assert kinds(going_on("Where?", "<ref-object><bbox>", objects=flat), contract) == {flaws.WITHOUT_AREA}
        assert kinds(going_on("Where?", "<ref-object><bbox>"), contract) == {flaws.REF_COUNT, flaws.BOX_COUNT}
        assert kinds(going_on("<image>Where?", "None."), contract) >= {flaws.IMAGE_COUNT}
        bad = going_on(
            "Where?", "<ref-object><bbox>", objects=CAT_AND_BOX, region=MARK | {"phrases": ["a dog"]}
        )
        assert kinds(bad, contract) == {flaws.BAD_REGION}
        named = going_on("Where?", "<bbox>", objects=CAT_AND_BOX)
        named["messages"][-3]["content"] += "<ref-object>"
        assert kinds(named, contract) == {flaws.BAD_REGION}
    assert kinds(going_on("Sure?", "Yes."), Contract(is_verbatim=True)) == set()
    assert kinds(going_on("Sure?", "Yes."), Contract(answer_format="json")) == {flaws.BAD_ANSWER}


def test_the_first_turn_of_a_question_for_words_has_no_objects() -> None:
    good = describing()
    assert kinds(good | {"objects": {"ref": ["cat"], "bbox": [[0, 0, 1, 1]]}}) == {flaws.BAD_REGION}
    good["messages"][1]["content"] += "<ref-object>"
    assert kinds(good) == {flaws.BAD_REGION}


def test_a_region_that_no_picture_shows_is_stated_in_the_question() -> None:
    for stated, found in (
        ("[1, 2, 300, 400]", set()),
        ("(1,2),(300,400)", set()),
        ("[1, 2, 300, 401]", {flaws.BAD_REGION}),
        ("[11, 2, 300, 400]", {flaws.BAD_REGION}),
        ("[1, 2, 300, 4000]", {flaws.BAD_REGION}),
        ("it", {flaws.BAD_REGION}),
    ):
        row = describing(show="text")
        row["messages"][1]["content"] = f"<image>Describe {stated}."
        assert kinds(row) == found


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["messages", "images", "objects"]), json_values)
def test_no_content_makes_the_check_itself_fail(key: str, value: Any) -> None:
    list(check_record(record(**{key: value}), Contract(frozenset({"cat"}), "Be brief.", "objects")))
    list(check_record(record(objects={"ref": value, "bbox": value}), Contract()))
    list(check_record(saying(json.dumps(value)), Contract(answer_format="json")))
    list(check_record(record(region=value), Contract()))
    list(check_record(describing(box=value, phrases=value, show=value), Contract()))


def asking(question: str, answer: str, labels: list[str], boxes: list[list[int]]) -> Record:
    messages = [{"role": "user", "content": f"<image>{question}"}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "images": ["1.jpg"], "objects": {"ref": labels, "bbox": boxes}}


CAT = Contract(frozenset({"cat"}))


def test_the_cards_categories_are_those_of_boxes_in_answers() -> None:
    boxes = [[0, 0, 1, 1], [2, 2, 3, 3]]
    assert (
        kinds(asking("Beside <ref-object><bbox>?", "<ref-object><bbox>", ["dog", "cat"], boxes), CAT) == set()
    )
    assert (
        kinds(asking("Where?", "No <ref-object>, a <ref-object><bbox>", ["dog", "cat"], boxes[:1]), CAT)
        == set()
    )
    found = kinds(asking("Is there <ref-object>?", "<bbox>", ["dog"], boxes[:1]), CAT)
    assert found == {flaws.UNKNOWN_LABEL}
    assert kinds(asking("By <ref-object>?", "<bbox>", ["<bbox>"], boxes[:1]), Contract()) == {flaws.BAD_LABEL}


def test_a_question_can_name_the_box_that_the_answer_starts_with() -> None:
    boxes = [[0, 0, 1, 1], [2, 2, 3, 3]]
    answer = "<bbox>, and <ref-object><bbox>"
    assert kinds(asking("Where is <ref-object>?", answer, ["cat", "dog"], boxes)) == set()
    assert kinds(asking("Where?", answer, ["dog"], boxes)) == {flaws.BOX_FIRST}


def test_objects_are_wrong_where_the_card_says_json() -> None:
    assert kinds(record(), Contract(answer_format="json")) == {flaws.OTHER_FORMAT}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("A cat.", None),
        ("I see no bbox.", None),
        ('[{"label": "cat", "count": 3}]', None),
        ("[3, 4]", None),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "cat"}]', None),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]', flaws.UNKNOWN_LABEL),
        ('[{"bbox_2d": [1, 2, 3, 2000], "label": "cat"}]', flaws.OUT_OF_GRID),
    ],
)
def test_conversations_kept_word_for_word_may_be_plain_text(content: str, kind: str | None) -> None:
    contract = Contract(frozenset({"cat"}), is_verbatim=True)
    assert kinds(saying(content), contract) == ({kind} if kind else set())


def test_placeholders_without_any_image_are_named() -> None:
    assert kinds(record(images=[])) == {flaws.BAD_IMAGES, flaws.IMAGE_COUNT}


def yes_no(answer: str, kind: Any, **changes: Any) -> Record:
    made = saying(answer, **changes)
    made["messages"][1]["content"] = "<image>Is the white outline the right box?"
    return made | {"yes_no": kind}


PREPARED = Contract(frozenset({"cat"}), "Be brief.", "json")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("Yes", "truth"), ("No", "shifted"), ("No", "relabelled"), ("是", "truth"), ("否", "shifted")],
)
def test_a_yes_no_question_has_the_answer_that_its_box_deserves(answer: str, kind: str) -> None:
    assert kinds(yes_no(answer, kind), PREPARED) == set()
    other = "shifted" if kind == "truth" else "truth"
    assert kinds(yes_no(answer, other), PREPARED) == {flaws.BAD_YES_NO}


def test_a_yes_no_question_is_one_turn_without_objects() -> None:
    several = yes_no("Yes", "truth")
    several["messages"] += several["messages"][1:]
    assert flaws.BAD_YES_NO in kinds(several, PREPARED)
    objects = {"ref": ["cat"], "bbox": [[0, 0, 10, 10]]}
    assert kinds(yes_no("Yes", "truth", objects=objects), PREPARED) == {flaws.BAD_YES_NO}
    filled = yes_no("Yes", "truth")
    filled["messages"][1]["content"] = "<image>Is <bbox> right?"
    assert kinds(filled, PREPARED) == {flaws.BAD_YES_NO}
    assert kinds(yes_no("Yes.", "truth"), PREPARED) == {flaws.BAD_YES_NO}
    assert kinds(yes_no("Yes", "truth"), Contract(system_prompt="Be long.")) == {flaws.OTHER_SYSTEM}


@pytest.mark.parametrize("value", [True, "yes", ["truth"], {}, 1])
def test_another_value_under_the_key_is_no_mark(value: Any) -> None:
    assert kinds(record(yes_no=value)) == set()
    assert kinds(yes_no("Yes", value), PREPARED) == {flaws.BAD_ANSWER}


@pytest.mark.parametrize(
    ("row", "is_right"),
    [
        ({"label": "cat", "description": "a black one"}, True),
        ({"description": "a cat"}, True),  # the label, as ever
        ({"label": "cat", "description": " "}, False),
        ({"label": "cat", "description": 5}, False),
        ({"label": "cat", "caption": ["a"]}, False),
    ],
)
def test_a_description_beside_a_label_is_a_text(row: dict[str, Any], is_right: bool) -> None:
    answer = saying(json.dumps([{"bbox_2d": [1, 2, 30, 40], **row}]))
    assert kinds(answer, Contract(answer_format="json")) == (set() if is_right else {flaws.BAD_DESCRIPTION})
    assert kinds(answer, Contract(is_verbatim=True)) == set()


def about_two(content: str, image_id: Any = None, **changes: Any) -> Record:
    """A record of two images; with `image_id`, its objects say which image each box is in."""
    made = saying(content, images=["images/1.jpg", "images/2.jpg"], **changes)
    made["messages"][1]["content"] = "<image><image>What is where?"
    if content.count("<bbox>"):
        made["objects"] = {
            "ref": ["cat"] * content.count("<ref"),
            "bbox": [[0, 0, 9, 9]] * content.count("<b"),
        }
        if image_id is not None:
            made["objects"]["image_id"] = image_id
    return made


ONE, BOTH = "<ref-object><bbox>", "Image 1: <ref-object><bbox>\nImage 2: <ref-object><bbox>"


@pytest.mark.parametrize(
    "content",
    [
        about_two(f"Image 2: {ONE}", [1]),
        about_two(BOTH, [0, 1]),  # one label and one box, but of two images
        about_two('[{"image": 2, "bbox_2d": [1, 2, 3, 4], "label": "cat"}]'),
        about_two("None of them is in the image."),
        about_two("Both show a cat."),
    ],
)
def test_good_records_of_several_images(content: Record) -> None:
    assert kinds(content) == set()
    assert kinds(content, Contract(is_verbatim=True)) == set()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (about_two(BOTH), flaws.BOX_UNPLACED),
        (about_two(BOTH, [0, 2]), flaws.BOX_PICTURES),
        (about_two(BOTH, [0, -1]), flaws.BOX_PICTURES),
        (about_two(BOTH, [0]), flaws.BOX_PICTURES),
        (about_two(BOTH, [0, "1"]), flaws.BOX_PICTURES),
        (about_two(BOTH, 1), flaws.BOX_PICTURES),
        (about_two(BOTH, [1, 0]), flaws.LOST_IN_READING),
        (about_two(ONE, [1]), flaws.LOST_IN_READING),
        (about_two(f"Image 2: {ONE}\nImage 1: {ONE}", [1, 0]), flaws.PICTURE_ORDER),
        (about_two('[{"bbox_2d": [1, 2, 3, 4], "label": "cat"}]'), flaws.PICTURE_UNREAD),
        (about_two('[{"image": 3, "bbox_2d": [1, 2, 3, 4], "label": "cat"}]'), flaws.PICTURE_UNREAD),
        (about_two("Image 2: cat(1,2),(3,4)\nImage 1: cat(1,2),(3,4)"), flaws.PICTURE_ORDER),
    ],
)
def test_faults_of_records_of_several_images_are_found(content: Record, kind: str) -> None:
    assert kind in kinds(content)
    assert kind in kinds(content, Contract(is_verbatim=True))


def test_an_index_of_an_image_that_is_not_there_is_found_for_one_image_too() -> None:
    objects = record()["objects"]
    assert kinds(record(objects=objects | {"image_id": [0, 0]})) == set()
    assert kinds(record(objects=objects | {"image_id": [0, 1]})) == {flaws.BOX_PICTURES}
