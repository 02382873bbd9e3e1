"""Answers that name candidates: what the writer writes comes back, and so do other spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.candidate_numbers import find_numbers
from grounding.answers.forms import (
    ANSWER_FORMATS,
    CANDIDATE_TWICE,
    DUPLICATE,
    LOOPED,
    NO_SUCH_CANDIDATE,
    REPEATED,
)
from grounding.answers.reader import read_answer
from grounding.answers.repeats import RepeatWatch, find_repeat
from grounding.answers.writer import CandidateUse, write_answer
from grounding.boxes import GRID, Box, Size
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection, Reading

SIZE = Size(GRID, GRID)
BOXES = (Box(11, 12, 13, 14), Box(21, 22, 23, 24), Box(31, 32, 33, 34))
ASKED = Asked((SIZE,), BOXES)
NEW = (1.0, 2.0, 3.0, 4.0)
FIRST, SECOND, THIRD = (box.xyxy for box in BOXES)
DOG, CAT = "<|object_ref_start|>dog<|object_ref_end|>", "<|object_ref_start|>cat<|object_ref_end|>"
BOX = "<|box_start|>(1,2),(3,4)<|box_end|>"


def found(reading: Reading) -> list[tuple[str, tuple[float, ...]]]:
    return [(item.label, item.box.xyxy) for item in reading.detections]


@pytest.mark.parametrize(
    ("text", "objects", "candidates"),
    [
        (f"{DOG}#3", [("dog", THIRD)], (2,)),
        (f"{DOG}#3{BOX}", [("dog", NEW)], (2,)),
        (f"{DOG}#3, {CAT}{BOX}, {DOG}#1", [("dog", THIRD), ("cat", NEW), ("dog", FIRST)], (2, None, 0)),
        ("dog#3, cat(1,2),(3,4), bird#1", [("dog", THIRD), ("cat", NEW), ("bird", FIRST)], (2, None, 0)),
        ("dog#3(1,2),(3,4)", [("dog", NEW)], (2,)),
        ("狗#2", [("狗", SECOND)], (1,)),
        ("- dog: candidate 2\n- cat: candidate 1", [("dog", SECOND), ("cat", FIRST)], (1, 0)),
        ('[{"candidate": 3, "label": "dog"}]', [("dog", THIRD)], (2,)),
        ('[{"candidate": 3, "bbox_2d": [1, 2, 3, 4], "label": "dog"}]', [("dog", NEW)], (2,)),
        (
            '[{"label": "dog", "candidate": 1}, {"label": "cat", "bbox_2d": [1, 2, 3, 4], "candidate": 2}]',
            [("dog", FIRST), ("cat", NEW)],
            (0, 1),
        ),
        ('```json\n[\n  {"candidate": "#2", "label": "player #3"}\n]\n```', [("player #3", SECOND)], (1,)),
        ('[{"candidates": [1, 3], "label": "dog"}]', [("dog", FIRST), ("dog", THIRD)], (0, 2)),
        (f"<think>dog#1 or cat#2?</think>{DOG}#2", [("dog", SECOND)], (1,)),
        (f"<|object_ref_start|>player#3<|object_ref_end|>{BOX}", [("player#3", NEW)], ()),
    ],
)
def test_numbers_are_read(
    text: str, objects: list[tuple[str, tuple[float, ...]]], candidates: tuple[int | None, ...]
) -> None:
    reading = read_answer(text, ASKED)
    assert found(reading) == objects
    assert reading.candidates == candidates
    assert reading.problems == ()


def test_spans_are_those_of_the_answer() -> None:
    text = f"{DOG}#3, {CAT}#1{BOX}, {CAT}{BOX.replace('1', '0')}"
    parts = [[text[slice(*span)] for span in spans] for spans in read_answer(text, ASKED).spans]
    assert parts == [["dog", "#3"], ["cat", BOX], ["cat", BOX.replace("1", "0")]]
    text = (
        '[{"candidate": 3, "label": "dog"}, {"candidate": 12, "label": "x"}, {"candidate": 1, "label": "y"}]'
    )
    parts = [[text[slice(*span)] for span in spans] for spans in read_answer(text, ASKED).spans]
    assert parts == [["dog", "3"], ["y", "1"]]


def test_wrong_numbers_are_named_problems() -> None:
    reading = read_answer(f"{DOG}#4, {CAT}#0, {CAT}#2", ASKED)
    assert found(reading) == [("cat", SECOND)]
    assert reading.problems == (NO_SUCH_CANDIDATE, NO_SUCH_CANDIDATE)
    twice = read_answer(f"{DOG}#2, {CAT}#2, {CAT}#2", ASKED)
    assert found(twice) == [("dog", SECOND), ("cat", SECOND), ("cat", SECOND)]
    assert twice.problems == (CANDIDATE_TWICE, CANDIDATE_TWICE, DUPLICATE)
    corrected = read_answer(f"{DOG}#9{BOX}", ASKED)
    assert (found(corrected), corrected.problems) == ([("dog", NEW)], (NO_SUCH_CANDIDATE,))


@pytest.mark.parametrize("text", [f"{DOG}#1, {CAT}{BOX}", '[{"candidate": 1, "label": "dog"}]'])
def test_a_number_without_any_candidates_is_a_problem(text: str) -> None:
    reading = read_answer(text, SIZE)
    assert reading.problems == (NO_SUCH_CANDIDATE,)
    assert "dog" not in [item.label for item in reading.detections]


@pytest.mark.parametrize("text", [f"player #3 {BOX}", "candidate 2(1,2),(3,4)", "unit#7(1,2),(3,4)"])
def test_a_question_without_candidates_is_read_as_ever(text: str) -> None:
    assert find_numbers(text, are_listed=False).text == text


LABELS = st.sampled_from(["dog", "player #3", 'a "cat"', "第2只猫", "x" * 40])
CORNERS = st.tuples(*[st.integers(0, 499)] * 2, *[st.integers(500, GRID)] * 2)


@given(
    st.sampled_from(ANSWER_FORMATS),
    st.lists(st.tuples(LABELS, CORNERS, st.booleans(), st.booleans()), min_size=1, max_size=8),
)
def test_what_is_written_comes_back(
    answer_format: str, objects: list[tuple[str, tuple[int, ...], bool, bool]]
) -> None:
    candidates = tuple(Box(10 + n, 20, 300 + n, 400) for n in range(len(objects)))
    detections = [Detection(label, Box(*map(float, box))) for label, box, _, _ in objects]
    uses = [
        CandidateUse(number, is_corrected) if is_named else None
        for number, (_, _, is_named, is_corrected) in enumerate(objects, start=1)
    ]
    answer = write_answer(answer_format, detections, SIZE, uses)
    text = fill_placeholders([answer.content], answer.objects)[0]
    reading = read_answer(text, Asked((SIZE,), candidates))
    kept = [use is not None and not use.is_corrected for use in uses]
    boxes = [
        candidates[place] if is_kept else item.box
        for place, (item, is_kept) in enumerate(zip(detections, kept, strict=True))
    ]
    assert [(item.label, item.box) for item in reading.detections] == [
        (item.label, box) for item, box in zip(detections, boxes, strict=True)
    ]
    named = tuple(None if use is None else use.number - 1 for use in uses)
    assert (reading.candidates or (None,) * len(named)) == named
    assert set(reading.problems) <= {DUPLICATE}


@given(st.text(st.sampled_from('#0123candidate"{}[]:,<|object_ref_end|>( )'), max_size=200))
def test_any_text_is_read_without_an_error(text: str) -> None:
    reading = read_answer(text, ASKED)
    for spans in reading.spans:
        assert all(0 <= start <= end <= len(text) for start, end in spans)


def test_the_work_is_linear_in_the_text() -> None:
    numbered = find_numbers('{"candidate": 1, "label": "x"}, ' * 20_000, are_listed=True)
    assert len(numbered.numbers) == 20_000
    assert len(find_numbers('"candidate": 1, ' * 20_000, are_listed=True).numbers) == 20_000


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (f"{DOG}#1", f"{CAT}#12"),
        ('{"candidate": 1, "label": "dog"}', '{"candidate": 12, "label": "cat"}'),
    ],
)
def test_a_candidate_that_is_named_again_and_again_ends_the_answer(one: str, two: str) -> None:
    opening = "[" if one.startswith("{") else ""
    good = f"{opening}{one}, {two}"
    looped = good + f", {one}" * 20
    for text in (looped, looped + "]"):
        stop = find_repeat(text)
        assert stop is not None
        assert stop.problem in (REPEATED, LOOPED)
        kept = read_answer(text[: stop.place], Asked((SIZE,), BOXES * 4))
        assert [item.label for item in kept.detections] == ["dog", "cat"]


def test_different_candidates_are_no_loop() -> None:
    assert find_repeat(", ".join(f"{DOG}#{number}" for number in range(1, 31))) is None
    rows = ", ".join(f'{{"candidate": {number}, "label": "dog"}}' for number in range(1, 31))
    assert find_repeat(f"[{rows}]") is None
    known_numbers = [f"{label}#{number}" for label in (DOG, CAT) for number in (1, 2, 3, 4)]
    assert find_repeat(", ".join(known_numbers)) is None


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(1, 7))
def test_an_answer_that_grows_is_stopped_after_a_part_of_its_objects(numbers: list[int], step: int) -> None:
    text = ", ".join(f"{DOG}#{number}" for number in numbers)
    watch = RepeatWatch()
    stop = None
    for start in range(0, len(text), step):
        stop = stop or watch.add(text[start : start + step])
    stop = stop or watch.finish()
    if stop is not None:
        kept = read_answer(text[: stop.place], Asked((SIZE,), BOXES * 4)).candidates
        assert tuple(number - 1 for number in numbers)[: len(kept)] == kept
        assert stop.problem == LOOPED or len(set(kept)) == len(kept)
    if len(set(numbers)) == len(numbers):
        assert stop is None
