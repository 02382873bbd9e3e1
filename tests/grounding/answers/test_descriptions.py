"""Descriptions beside labels: what is written is read back, and never as a label or a box."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grounding.answers.descriptions import quote_description
from grounding.answers.forms import ANSWER_FORMATS, LOOPED, REPEATED, TRUNCATED
from grounding.answers.reader import read_answer
from grounding.answers.repeats import RepeatWatch, find_repeat
from grounding.answers.writer import write_answer
from grounding.boxes import Box
from grounding.markup import GROUNDING_TOKENS, find_markup
from grounding.samples import Detection, Reading
from tests.grounding.grammar.written_answers import (
    SIZE,
    described_objects,
    nasty_labels,
    plain_labels,
    written,
)

formats = pytest.mark.parametrize("answer_format", ANSWER_FORMATS)


@formats
@given(objects=described_objects(plain_labels))
@example(objects=[])
def test_what_is_written_is_read_back(answer_format: str, objects: list[Detection]) -> None:
    text = written(answer_format, objects)
    assert read_answer(text, SIZE) == Reading(tuple(objects), ())
    assert read_answer(f"{text}<|im_end|>", SIZE) == Reading(tuple(objects), ())


@pytest.mark.parametrize("level", [1, 2])
@formats
@given(objects=described_objects(plain_labels))
def test_an_answer_in_a_string_holds_the_same_objects(
    answer_format: str, level: int, objects: list[Detection]
) -> None:
    plain = [replace(item, description=None) for item in objects]
    nested, without = written(answer_format, objects), written(answer_format, plain)
    for _ in range(level):
        nested, without = (json.dumps({"answer": text}, ensure_ascii=False) for text in (nested, without))
    if objects and read_answer(without, SIZE) == Reading(tuple(plain), ()):
        found = read_answer(nested, SIZE).detections
        assert tuple(replace(item, description=None) for item in found) == tuple(plain)
        told = [(item.description or "").rstrip() for item in objects]
        pairs = zip(told, (item.description or "" for item in found), strict=True)
        # A backslash at the end of a string in a string is not told from those around it.
        assert all(text == read.rstrip() for text, read in pairs if not text.endswith("\\"))


labels_without_tokens = st.sampled_from(("cat", "red cup, left", "don't-walk 2", "红杯子", "a (round) thing"))


@given(objects=described_objects(labels_without_tokens))
def test_answers_without_their_special_tokens_are_read_back(objects: list[Detection]) -> None:
    text = written("objects", objects)
    for token in GROUNDING_TOKENS:
        text = text.replace(token, "")
    if objects:
        assert read_answer(text, SIZE).detections == tuple(objects)


@formats
@given(objects=described_objects(nasty_labels | plain_labels))
def test_descriptions_change_neither_labels_nor_boxes_nor_problems(
    answer_format: str, objects: list[Detection]
) -> None:
    plain = [replace(item, description=None) for item in objects]
    without, with_them = (read_answer(written(answer_format, each), SIZE) for each in (plain, objects))
    if without == Reading(tuple(plain), ()):  # labels that the reader can read
        assert [(item.label, item.box) for item in with_them.detections] == [(i.label, i.box) for i in plain]
        assert with_them.problems == without.problems


@formats
@given(objects=described_objects(labels_without_tokens), data=st.data())
def test_a_cut_answer_holds_the_objects_before_the_cut_alone(
    answer_format: str, objects: list[Detection], data: st.DataObject
) -> None:
    text = written(answer_format, objects)
    cut = text[: data.draw(st.integers(0, len(text) - 1))] if text else ""
    found = read_answer(cut, SIZE).detections
    expected = [(item.label, item.box) for item in objects[: len(found)]]
    if answer_format == "json":  # the box comes before the label, and a part of a label is none
        assert [item.box for item in found] == [box for _, box in expected]
    else:
        assert [(item.label, item.box) for item in found] == expected
    assert all(item.description in (None, of.description) for item, of in zip(found, objects, strict=False))


@formats
@given(objects=described_objects(st.just("cat")))
def test_what_training_learns_holds_no_markup_but_its_own(
    answer_format: str, objects: list[Detection]
) -> None:
    content = write_answer(answer_format, objects, SIZE).content
    for own in ("<ref-object>", "<bbox>"):
        assert content.count(own) == (len(objects) if answer_format == "objects" else 0)
        content = content.replace(own, "")
    assert find_markup(content.replace("|>", "")) is None
    assert "<" not in content or content == "None of them is in the image."


CAT, DOG = Detection("cat", Box(1, 2, 30, 40), description="a {black} cat"), Detection("dog", Box(5, 6, 7, 8))
TOKENS = "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(1,2),(30,40)<|box_end|>"


def test_the_two_forms() -> None:
    assert written("objects", [CAT]) == f'{TOKENS}: "a {{black}} cat"'
    assert written("json", [CAT, DOG]) == (
        '[{"bbox_2d": [1, 2, 30, 40], "label": "cat", "description": "a {black} cat"}, '
        '{"bbox_2d": [5, 6, 7, 8], "label": "dog"}]'
    )
    assert quote_description("a <b>\n") == '"a \\u003cb>\\n"'
    assert write_answer("json", [replace(CAT, description="  ")], SIZE).content.count("description") == 0


@pytest.mark.parametrize(
    ("text", "label", "description"),
    [
        ('{"bbox_2d": [1, 2, 30, 40], "description": "black", "label": "cat"}', "cat", "black"),
        ('{"bbox_2d": [1, 2, 30, 40], "name": "cat", "caption": "black"}', "cat", "black"),
        ('{"description": "black cat", "bbox_2d": [1, 2, 30, 40]}', "black cat", None),
        ('{"caption": "black cat", "bbox_2d": [1, 2, 30, 40]}', "black cat", None),
        ('{"bbox_2d": [1, 2, 30, 40], "label": "cat", "description": ["black"]}', "cat", None),
        ('{"bbox_2d": [1, 2, 30, 40], "label": "cat", "description": " "}', "cat", None),
        (
            "{'bbox_2d': [1, 2, 30, 40], 'label': 'cat', 'description': 'it\\'s \"black\"'}",
            "cat",
            'it\'s "black"',
        ),
        ('{"x1": 1, "y1": 2, "x2": 30, "y2": 40, "label": "cat", "description": "black"}', "cat", "black"),
        (f'{TOKENS}: "a \\"black\\" one"', "cat", 'a "black" one'),
        (f'{TOKENS}: ""', "cat", None),
        ('cat(1,2),(30,40): "black"\n', "cat", "black"),
    ],
)
def test_spellings(text: str, label: str, description: str | None) -> None:
    (found,) = read_answer(text, SIZE).detections
    assert found == replace(CAT, label=label, description=description)


def test_the_rest_of_a_cut_description_is_no_object() -> None:
    cut = f'{TOKENS}: "a cat at (5,6),(7,8), and <|object_ref_start|>dog<|object_ref_end|>(9,9),(10,10)'
    reading = read_answer(cut, SIZE)
    assert reading.detections == (replace(CAT, description=None),)
    assert reading.problems == (TRUNCATED,)


@pytest.mark.parametrize(
    "text",
    [
        "＜box x1=1 y1=2 x2=3 y2=4＞",
        "<box x1=1 y1=2 x2=3 y2=4>",
        "seen at (1,2),(3,4): ",
        "</think>",
        "◁/think▷",
    ],
)
@formats
def test_texts_that_look_like_answers_are_descriptions(answer_format: str, text: str) -> None:
    objects = (replace(DOG, description=text), replace(CAT, description=text))
    assert read_answer(written(answer_format, objects), SIZE) == Reading(objects, ())


@formats
def test_a_brace_in_a_description_does_not_delay_the_end_of_an_answer(answer_format: str) -> None:
    objects = [replace(CAT, description="a {"), DOG]
    watch = RepeatWatch()
    assert watch.add(written(answer_format, objects)) is None
    stop = watch.add(f", {written(answer_format, [DOG])}")
    assert stop is not None
    assert stop.problem == REPEATED


@formats
def test_the_same_description_of_many_objects_is_no_loop(answer_format: str) -> None:
    text = "white plastic chair in the second row, seen from behind"
    chairs = [Detection("chair", Box(n, 2, 300, 400), description=text) for n in range(40)]
    assert find_repeat(written(answer_format, chairs)) is None


@formats
def test_numbers_in_descriptions_repeat_no_object(answer_format: str) -> None:
    texts = ("beside (1,2),(30,40) and [1, 2, 30, 40]", "1, 2, 30, 40 } {")
    objects = [replace(CAT, description=texts[0]), replace(DOG, description=texts[1])]
    assert find_repeat(written(answer_format, objects)) is None


@formats
def test_an_object_again_ends_the_answer_behind_the_description_before(answer_format: str) -> None:
    whole = [replace(CAT, description='a } "black" {'), replace(DOG, description="(1,2),(30,40)")]
    text = written(answer_format, [*whole, CAT, DOG])
    stop = find_repeat(text)
    assert stop is not None
    assert stop.problem == REPEATED
    assert read_answer(text[: stop.place], SIZE).detections == tuple(whole)


@formats
def test_a_loop_in_a_description_ends_the_answer(answer_format: str) -> None:
    text = written(answer_format, [CAT, replace(DOG, description="very " * 60)])[:-20]
    stop = find_repeat(text)
    assert stop is not None
    assert stop.problem == LOOPED
    found = read_answer(text[: stop.place], SIZE).detections
    assert found[0] == CAT
    assert all(item == DOG for item in found[1:])


def test_json_that_python_writes_is_what_is_written() -> None:
    rows = [{"bbox_2d": [1, 2, 30, 40], "label": 'a "cat"', "description": 'a\n"b" \\ 中'}]
    objects = [replace(CAT, label='a "cat"', description='a\n"b" \\ 中')]
    assert written("json", objects) == json.dumps(rows, ensure_ascii=False)
