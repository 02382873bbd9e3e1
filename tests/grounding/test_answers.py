import gc
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grounding.answers import (
    ANSWER_FORMATS,
    DUPLICATE,
    EMPTY_ANSWER,
    LABEL_ONLY,
    NO_AREA,
    NO_BOX,
    NOT_FOUR_NUMBERS,
    NOTHING_FOUND,
    OUT_OF_RANGE,
    TRUNCATED,
    UNLABELLED,
    UPSIDE_DOWN,
    read_answer,
    trained_text,
    write_answer,
)
from grounding.boxes import GRID, Box, Size
from grounding.samples import Detection, Reading

SIZE = Size(2000, 1000)  # a grid step is 2 pixels wide and 1 high


def readable(reading: Reading) -> list[tuple[str, tuple[float, ...]]]:
    """The labels and the boxes, back on the grid."""
    return [
        (detection.label, (detection.box.x1 / 2, detection.box.y1, detection.box.x2 / 2, detection.box.y2))
        for detection in reading.detections
    ]


labels = st.text(
    st.characters(exclude_characters="<>|()[]{}\"'\\", exclude_categories=("Cs", "Cc", "Z")), min_size=1
).filter(lambda label: label[0] not in ",;.:、，；。：-*`" and label[-1] not in ":：`")


@st.composite
def detections(draw: st.DrawFn) -> Detection:
    x1, x2 = sorted(draw(st.lists(st.integers(0, GRID), min_size=2, max_size=2, unique=True)))
    y1, y2 = sorted(draw(st.lists(st.integers(0, GRID), min_size=2, max_size=2, unique=True)))
    return Detection(draw(labels), Box(x1 * 2.0, y1 * 1.0, x2 * 2.0, y2 * 1.0))


@pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
@given(objects=st.lists(detections(), max_size=6, unique=True))
def test_what_is_written_is_read_back(answer_format: str, objects: list[Detection]) -> None:
    text = trained_text(write_answer(answer_format, objects, SIZE))
    assert read_answer(text + "<|im_end|>", SIZE) == Reading(tuple(objects), ())


@given(objects=st.lists(detections(), min_size=1, max_size=6, unique=True))
def test_answers_without_their_special_tokens_are_read_back(objects: list[Detection]) -> None:
    text = trained_text(write_answer("objects", objects, SIZE))
    for token in ("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"):
        text = text.replace(token, "")
    assert read_answer(text, SIZE).detections == tuple(objects)


def test_labels_that_json_has_to_escape_are_read_back() -> None:
    objects = (Detection('a "red" \\ man\'s\n红杯', Box(2.0, 1.0, 4.0, 3.0)),)
    assert read_answer(write_answer("json", objects, SIZE).content, SIZE) == Reading(objects, ())


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        ("cat(1,2),(30,40)", [("cat", (1, 2, 30, 40))], ()),
        ("red cup, left (1, 2) , (30,40)", [("red cup, left", (1, 2, 30, 40))], ()),
        (
            "红杯子(1,2),(30,40)，don't-walk 2(5,6),(7,8)",
            [("红杯子", (1, 2, 30, 40)), ("don't-walk 2", (5, 6, 7, 8))],
            (),
        ),
        (
            "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"
            "<|box_start|>(5,6),(7,8)<|box_end|><|im_end|>",
            [("cat", (1, 2, 3, 4)), ("cat", (5, 6, 7, 8))],
            (),
        ),
        ("<think>\n\n</think>\n\ncat(1,2),(30,40)", [("cat", (1, 2, 30, 40))], ()),
        ("cat(1,2),(30,40), dog(5,", [("cat", (1, 2, 30, 40))], (TRUNCATED,)),
        ("cat(1,2),(30,40), dog", [("cat", (1, 2, 30, 40))], (LABEL_ONLY,)),
        ("(1,2),(30,40)", [("", (1, 2, 30, 40))], (UNLABELLED,)),
        ("cat(30,2),(1,40)", [], (UPSIDE_DOWN,)),
        ("cat(1,2),(1,40)", [], (NO_AREA,)),
        ("cat(1,2),(30,1200)", [("cat", (1, 2, 30, 1000))], (OUT_OF_RANGE,)),
        ("cat(1,2),(3,4), cat(1,2),(3,4)", [("cat", (1, 2, 3, 4))] * 2, (DUPLICATE,)),
        (
            '```json\n[\n\t{"bbox_2d": [1, 2, 30.5, 40], "label": "cat"},\n]\n```',
            [("cat", (1, 2, 30.5, 40))],
            (),
        ),
        (
            "Here's what I see: [{'bbox': [1,2,3,4], 'label': 'man's hat'}].",
            [("man's hat", (1, 2, 3, 4))],
            (),
        ),
        (
            '{"objects": [{"bbox_2d": [[1,2,3,4],[5,6,7,8]], "label": "cat"}]}',
            [("cat", (1, 2, 3, 4)), ("cat", (5, 6, 7, 8))],
            (),
        ),
        ("[1, 2, 3, 4]", [("", (1, 2, 3, 4))], (UNLABELLED,)),
        (
            '[{"bbox_2d": [1,2,3,4], "label": "cat"}, {"bbox_2d": [5,6,7',
            [("cat", (1, 2, 3, 4))],
            (TRUNCATED,),
        ),
        (
            '[{"bbox_2d": [1,2,3,4], "label": "ca',
            [("", (1, 2, 3, 4))],
            (UNLABELLED, TRUNCATED),
        ),
        ('[{"bbox_2d": [1,2,3], "label": "cat"}]', [], (NOT_FOUR_NUMBERS,)),
        ('[{"bbox_2d": [1,2,3,"x"], "label": "cat"}]', [], (NOT_FOUR_NUMBERS,)),
        ('{"bbox_2d": [1,2,1e999,4], "label": "cat"}', [], (OUT_OF_RANGE,)),
        ("```json\n[]\n```", [], ()),
        (NOTHING_FOUND["objects"] + "<|im_end|>", [], ()),
        ("", [], (EMPTY_ANSWER,)),
        ("<|im_end|>", [], (EMPTY_ANSWER,)),
        ("I see a cat.", [], (NO_BOX,)),
    ],
)
def test_forms_of_answers(text: str, expected: list[object], problems: tuple[str, ...]) -> None:
    reading = read_answer(text, SIZE)
    assert readable(reading) == expected
    assert reading.problems == problems


@given(st.text() | st.text("[]{}(),\"'\\:<|>0123456789-.ebox_2dlabel` \n"))
@example(
    '["\\ud800',
)
@example("[1" * 5000)
def test_no_text_makes_it_raise(text: str) -> None:
    reading = read_answer(text, SIZE)
    assert reading.detections or reading.problems or not any(character.isdigit() for character in text)
    for detection in reading.detections:
        detection.label.encode()
        assert detection.box.has_area
        assert detection.box.clipped(SIZE) == detection.box


@pytest.mark.parametrize(
    "piece",
    [
        "(1,2),(30,",
        "cat(1,2),(30,40) ",
        "[",
        '["',
        "['a'b",
        '{"bbox_2d":',
        "<think>",
        "(1,",
        "<|box_start|>",
        "\\",
        "9",
    ],
)
def test_time_is_linear_in_the_length(piece: str) -> None:
    def seconds(length: int) -> float:
        text, times = piece * (length // len(piece)), []
        for _ in range(3):
            start = time.process_time()
            read_answer(text, SIZE)
            times.append(time.process_time() - start)
        return min(times)

    # The collector looks through all that other tests have left, as often as a reading makes objects.
    gc.collect()
    gc.disable()
    try:
        # Ten times the text may take at most thirty times as long; quadratic time would take a hundred.
        assert seconds(300_000) < 30 * max(seconds(30_000), 0.003)
    finally:
        gc.enable()


def test_written_json_is_qwens_own() -> None:
    answer = write_answer("json", [Detection("cat", Box(2, 1, 4, 3))], SIZE)
    assert answer.content == '[{"bbox_2d": [1, 1, 2, 3], "label": "cat"}]'
    assert json.loads(answer.content)
    assert answer.objects is None


def test_written_objects_have_a_placeholder_each() -> None:
    answer = write_answer(
        "objects", [Detection("cat", Box(2, 1, 4, 3)), Detection("狗", Box(0, 0, 9, 9))], SIZE
    )
    assert answer.content == "<ref-object><bbox>, <ref-object><bbox>"
    assert answer.objects == {"ref": ["cat", "狗"], "bbox": [[1, 1, 2, 3], [0, 0, 4, 9]]}


@pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
def test_no_object_is_an_answer_too(answer_format: str) -> None:
    answer = write_answer(answer_format, [], SIZE)
    assert answer.objects is None
    assert read_answer(answer.content, SIZE) == Reading((), ())
