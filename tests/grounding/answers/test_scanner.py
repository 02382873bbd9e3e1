"""Every spelling of every box is read the same: a table of answers, and a grammar that writes any of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.answers.forms import FRACTIONS, NO_BOX, NOT_FOUR_NUMBERS, POINT, TRUNCATED, UNLABELLED
from grounding.answers.reader import read_answer
from grounding.answers.scanner import scan_answer
from grounding.answers.spellings.written_boxes import WrittenBox, number_spans
from grounding.boxes import GRID, Size

HERE = Path(__file__).parent
CASES = json.loads((HERE / "answer_cases.json").read_text(encoding="utf-8"))
OLD_FORMS = json.loads((HERE / "old_forms.json").read_text(encoding="utf-8"))
SIZE = Size(GRID, GRID)

Row = tuple[str, tuple[int, ...]]
Write = Callable[[st.DataObject, Row], str]


def found_in(text: str, **options: Any) -> list[Any]:
    reading = read_answer(text, SIZE, **options)
    return [[found.label, list(found.box.xyxy)] for found in reading.detections]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_answers_of_the_world(case: dict[str, Any]) -> None:
    reading = read_answer(case["text"], SIZE)
    if case["want"] is not None:
        assert found_in(case["text"]) == case["want"]
        assert TRUNCATED not in reading.problems
    if "problems" in case:
        assert list(reading.problems) == case["problems"]


def test_the_problems_that_the_table_leaves_open() -> None:
    texts = {case["name"]: case["text"] for case in CASES}
    assert read_answer(texts["a point"], SIZE).problems == (POINT,)
    assert read_answer(texts["fractions"], SIZE).problems == (FRACTIONS,)
    endless = texts["a thought that never ends"]
    assert read_answer(endless, SIZE, thinks=True).problems == (TRUNCATED,)
    assert found_in(endless, thinks=True) == []
    assert found_in(endless) == [["", [10, 10, 50, 50]]]
    assert read_answer(texts["a score in the answer"], SIZE).confidences == (0.93,)


@pytest.mark.parametrize("old", OLD_FORMS, ids=range(len(OLD_FORMS)))
def test_what_was_read_before_is_read_the_same(old: dict[str, Any]) -> None:
    reading = read_answer(old["text"], Size(2000, 1000))
    assert [[found.label, list(found.box.xyxy)] for found in reading.detections] == old["detections"]
    assert list(reading.problems) == old["problems"]
    assert [list(map(list, spans)) for spans in reading.spans] == old["spans"]


# The grammar: a number, a box of numbers, an object of box and label, an answer of objects, and its wrapping.

# Without letters that can make words of sentences, such as "is": these are no names beside a list.
letters = st.characters(
    categories=("Lu", "Ll", "Lo"),
    min_codepoint=0xC0,
    max_codepoint=0x9FFF,
    exclude_characters="是在为坐位边检答如",
)
labels = st.lists(st.text(letters, min_size=2, max_size=6), min_size=1, max_size=3).map(" ".join)


@st.composite
def rows_of_objects(draw: st.DrawFn) -> list[Row]:
    rows = []
    for label in draw(st.lists(labels, min_size=1, max_size=4, unique_by=lambda text: text.lower())):
        x1, x2 = sorted(draw(st.lists(st.integers(2, GRID), min_size=2, max_size=2, unique=True)))
        y1, y2 = sorted(draw(st.lists(st.integers(2, GRID), min_size=2, max_size=2, unique=True)))
        rows.append((f"zz {label}", (x1, y1, x2, y2)))
    return rows


def plain_number(data: st.DataObject, number: int) -> str:
    return data.draw(st.sampled_from([str(number), f"{number}.0", f"+{number}", f"{number}."]))


def percent(data: st.DataObject, number: int) -> str:
    return f"{number / 10:g}" + data.draw(st.sampled_from(["%", " %"]))


def wide(data: st.DataObject, number: int) -> str:
    return str(number).translate({0x30 + digit: 0xFF10 + digit for digit in range(10)})


def box_text(data: st.DataObject, box: tuple[int, ...], shapes: list[str]) -> str:
    write = data.draw(st.sampled_from([plain_number, plain_number, percent, wide]))
    numbers = [write(data, number) for number in box]
    comma = data.draw(st.sampled_from([",", ", ", "，"]))
    return data.draw(st.sampled_from(shapes)).format(*numbers, c=comma)


JSON_SHAPES = [
    "[{0}{c}{1}{c}{2}{c}{3}]",
    "[[{0}{c}{1}]{c}[{2}{c}{3}]]",
    "[[{0}{c}{1}{c}{2}{c}{3}]]",
    "({0}{c}{1}{c}{2}{c}{3})",
    "({0}{c}{1}),({2}{c}{3})",
    "<|box_start|>({0}{c}{1}),({2}{c}{3})<|box_end|>",
    '{{"x1": {0}{c}"y1": {1}{c}"x2": {2}{c}"y2": {3}}}',
    '{{"bottom": {3}{c}"left": {0}{c}"top": {1}{c}"right": {2}}}',
    '"{0}{c}{1}{c}{2}{c}{3}"',
    '"[{0}{c}{1}{c}{2}{c}{3}]"',
]


def json_object(data: st.DataObject, row: Row) -> str:
    label, box = row
    box_key = data.draw(st.sampled_from(["bbox_2d", "bbox", "Box_2D", "bbox\\_2d", "bounding box"]))
    label_key = data.draw(st.sampled_from(["label", "Name", "text_content", "category"]))
    if data.draw(st.booleans()):
        label = data.draw(st.sampled_from([f'{label} "so" they', f'{label} 24"', f"{label}'s end"]))
    more = data.draw(st.sampled_from(["", ', "note": 1', ', "ok": true,']))
    comment = data.draw(st.sampled_from(["", " // the dog's \"\n", " /* [1, 2, 3, 4] */ "]))
    boxed = f'"{box_key}": {box_text(data, box, JSON_SHAPES)}'
    named = f'"{label_key}": "{label}"'
    first, second = data.draw(st.permutations([boxed, named]))
    return f"{{{first},{comment} {second}{more}}}"


def wrapped(data: st.DataObject, text: str) -> str:
    """Put an answer into strings, fences and thoughts."""
    for _ in range(data.draw(st.integers(0, 2))):
        is_wide = any(character.isdigit() and not character.isascii() for character in text)
        text = json.dumps({"answer": text}, ensure_ascii=not is_wide and data.draw(st.booleans()))
    text = data.draw(st.sampled_from(["{}", "```json\n{}\n```", "<answer>{}</answer>", "Here:\n{}"])).format(
        text
    )
    thought = data.draw(
        st.sampled_from(
            ["", "see [1, 2, 3, 4]</think>\n", '<think>{"bbox": [1, 2, 3, 4]}</think>', "</think>"]
        )
    )
    return thought + text


def label_of(text: str) -> str:
    return text.split(' "so"')[0].split(' 24"')[0].split("'s end")[0]


@given(rows_of_objects(), st.data())
def test_any_json_is_read_the_same(rows: list[Row], data: st.DataObject) -> None:
    text = wrapped(data, f"[{', '.join(json_object(data, row) for row in rows)}]")
    reading = read_answer(text, SIZE)
    assert reading.problems == ()
    assert [
        (label_of(found.label), tuple(round(side) for side in found.box.xyxy)) for found in reading.detections
    ] == rows


@given(rows_of_objects(), st.data())
def test_labels_as_keys_are_read_the_same(rows: list[Row], data: st.DataObject) -> None:
    pairs = [f'"{label}": {box_text(data, box, JSON_SHAPES[:8])}' for label, box in rows]
    text = wrapped(data, f"{{{', '.join(pairs)}}}")
    assert [(label, tuple(map(round, box))) for label, box in found_in(text)] == rows


TEXT_FORMS: dict[str, tuple[list[str], str]] = {
    # How an object is written, and what stands between two of them.
    "points": (["{label}{box}", "{label} {box}", "<|object_ref_start|>{label}<|object_ref_end|>{box}"], ", "),
    "tags": (["<ref>{label}</ref><box>{box}</box>", "<|ref|>{label}<|/ref|><|det|>{box}<|/det|>"], ""),
    "lines": (["{box} {label}", "{label}: {box}", "- {label} {box}"], "\n"),
}
POINT_SHAPES = ["({0}{c}{1}),({2}{c}{3})", "<|box_start|>({0}{c}{1}),({2}{c}{3})<|box_end|>"]
TAG_SHAPES = ["({0}{c}{1}),({2}{c}{3})", "[[{0}{c}{1}{c}{2}{c}{3}]]", "{0}{c}{1}{c}{2}{c}{3}"]
LINE_SHAPES = [
    "[{0}{c}{1}{c}{2}{c}{3}]",
    "({0}{c}{1}{c}{2}{c}{3})",
    "{0}{c}{1}{c}{2}{c}{3}",
    "{0} {1} {2} {3}",
]
SHAPES = {"points": POINT_SHAPES, "tags": TAG_SHAPES, "lines": LINE_SHAPES}


@pytest.mark.parametrize("form", TEXT_FORMS)
@given(rows=rows_of_objects(), data=st.data())
def test_any_text_is_read_the_same(form: str, rows: list[Row], data: st.DataObject) -> None:
    objects, between = TEXT_FORMS[form]
    written = data.draw(st.sampled_from(objects))
    shape = [data.draw(st.sampled_from(SHAPES[form]))]
    spaced = shape == LINE_SHAPES[3:]
    texts = []
    for label, box in rows:
        numbers = " ".join(map(str, box)) if spaced else box_text(data, box, shape)
        texts.append(written.format(label=label, box=numbers))
    text = wrapped(data, between.join(texts))
    reading = read_answer(text, SIZE)
    assert reading.problems == ()
    assert [(found.label, tuple(map(round, found.box.xyxy))) for found in reading.detections] == rows


@given(rows_of_objects(), st.data())
def test_each_number_knows_its_place(rows: list[Row], data: st.DataObject) -> None:
    text = wrapped(data, f"[{', '.join(json_object(data, row) for row in rows)}]")
    boxes = [found for found in scan_answer(text) if isinstance(found, WrittenBox)]
    assert len(boxes) == len(rows)
    for box in boxes:
        spans = number_spans(box, text)
        assert all(box.span[0] <= start < end <= box.span[1] for start, end in spans)
        numbers = [float(text[start:end].rstrip(" %")) for start, end in spans]
        assert numbers == list(box.numbers)


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        # named sides
        ('{"label": "cat", "x": 1, "y": 2, "width": 30, "height": 40}', [["cat", [1, 2, 31, 42]]], ()),
        ('{"cat": {"top_left": [1, 2], "bottom_right": {"x": 30, "y": 40}}}', [["cat", [1, 2, 30, 40]]], ()),
        ('<box x1="10" y1="10" x2="60" y2="40">cat</box>', [["cat", [10, 10, 60, 40]]], ()),
        ("<object label='a cat' bbox='10,10,60,40'/>", [["a cat", [10, 10, 60, 40]]], ()),
        ("cat: x1=1, y1=2, x2=30, y2=40", [["cat", [1, 2, 30, 40]]], ()),
        # tokens in quotes
        (
            '[{"bbox_2d": <|box_start|>(1,2),(3,4)<|box_end|>, '
            '"label": "<|object_ref_start|>cat<|object_ref_end|>"}]',
            [["cat", [1, 2, 3, 4]]],
            (),
        ),
        # labels beside lists, in parallel lists and in lists of both
        ('{"boxes": [[1,2,3,4],[5,6,7,8]], "labels": ["a","b"]}', [["a", [1, 2, 3, 4]], ["b", [5, 6, 7, 8]]], ()),  # noqa: E501
        ('["a", [1,2,3,4], "b", [5,6,7,8]]', [["a", [1, 2, 3, 4]], ["b", [5, 6, 7, 8]]], ()),
        ('[[1,2,3,4,"a"], ["b",5,6,7,8]]', [["a", [1, 2, 3, 4]], ["b", [5, 6, 7, 8]]], ()),
        ("[1,2,3,4] a cat, [5,6,7,8] a dog", [["a cat", [1, 2, 3, 4]], ["a dog", [5, 6, 7, 8]]], ()),
        ("The box is at [1, 2, 3, 4].", [["", [1, 2, 3, 4]]], (UNLABELLED,)),
        ('{"box_1": [1, 2, 3, 4]}', [["", [1, 2, 3, 4]]], (UNLABELLED,)),
        ('{"answer": {"cat": [1, 2, 3, 4]}}', [["cat", [1, 2, 3, 4]]], ()),
        # points
        ("[512, 300]", [], (POINT,)),
        ('[{"point_2d": [512, 300], "label": "cat"}]', [], (POINT,)),
        ("cat(5,6), dog(7,8)", [], (POINT,)),
        ("cat(1,2),(3,4), dog(5,6)", [["cat", [1, 2, 3, 4]]], (POINT,)),
        ("<|box_start|>(5,6)<|box_end|>", [], (POINT,)),
        # what is cut, and what is not
        ("cat(5,", [], (TRUNCATED,)),
        ("cat(5,6),(7,", [], (TRUNCATED,)),
        ("cat<|box_start|>(5,6)", [], (TRUNCATED,)),
        ('[{"bbox_2d": [1,2,3,4], "label": "cat}]', [["cat", [1, 2, 3, 4]]], ()),
        ('{"a": "[{\\"bbox\\": [1,2,3,4], \\"label\\":\\"a\\"}, {\\"bb', [["a", [1, 2, 3, 4]]], (TRUNCATED,)),
        ("<|box_start|>1, 2, 3<|box_end|>", [], (NOT_FOUR_NUMBERS,)),
        # numbers that are no boxes
        ("There are 2 cats at 1, 2, 3, 4", [], (NO_BOX,)),
        ("1, 2, 3, 4 here is the cat", [["", [1, 2, 3, 4]]], (UNLABELLED,)),
        ("The bounding box is 1, 2, 3, 4", [["", [1, 2, 3, 4]]], (UNLABELLED,)),
        ("0 0.5 0.5 0.1 0.1", [], (NO_BOX,)),
        ("boxes: 1, 2, 3, 4, 5, 6", [], (NO_BOX,)),
        ('{"bbox": [10%, 10, 30%, 50], "label": "cat"}', [], (NOT_FOUR_NUMBERS,)),
    ],
)  # fmt: skip
def test_more_forms(text: str, expected: list[Any], problems: tuple[str, ...]) -> None:
    assert found_in(text) == expected
    assert read_answer(text, SIZE).problems == problems


@pytest.mark.parametrize(
    ("box", "is_named"),
    [("0.1, 0.2, 0.3, 1.0", True), (".1, .2, .3, 1", True), ("0, 0, 1, 1", False), ("0.5, 0.5, 3, 4", False)],
)
def test_fractions_are_named_and_not_converted(box: str, is_named: bool) -> None:
    text = f'[{{"bbox_2d": [{box}], "label": "cat"}}]'
    assert (FRACTIONS in read_answer(text, SIZE).problems) == is_named
    assert found_in(text) == [["cat", [float(number) for number in box.split(",")]]]
    both = text[:-1] + ', {"bbox_2d": [1, 2, 3, 4], "label": "dog"}]'
    assert FRACTIONS not in read_answer(both, SIZE).problems
