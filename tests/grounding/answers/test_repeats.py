"""Repeats: never found in an answer without one, and found at their place in any other, however it is cut."""

import json
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.forms import ANSWER_FORMATS, DUPLICATE, LOOPED, REPEATED
from grounding.answers.reader import read_answer
from grounding.answers.repeats import FIRST_SCANS, SCANS, RepeatStop, RepeatWatch, find_repeat
from grounding.answers.writer import write_answer
from grounding.boxes import GRID, Box, Size
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection

SIZE = Size(GRID, GRID)

Row = tuple[str, tuple[int, ...]]


def as_written(answer_format: str) -> Callable[[Sequence[Row]], str]:
    """Return what writes an answer as it is trained."""

    def write(rows: Sequence[Row]) -> str:
        found = [Detection(label, Box(*map(float, box))) for label, box in rows]
        answer = write_answer(answer_format, found, SIZE)
        return fill_placeholders([answer.content], answer.objects)[0]

    return write


def json_rows(rows: Sequence[Row], **options: int) -> str:
    return json.dumps([{"label": label, "bbox_2d": box} for label, box in rows], **options)  # type: ignore[arg-type]


def named_sides(rows: Sequence[Row]) -> str:
    boxes = [(label, dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))) for label, box in rows]
    return json.dumps([{"box": box, "label": label, "score": 0.5} for label, box in boxes])


def lines(template: str, between: str = "\n") -> Callable[[Sequence[Row]], str]:
    return lambda rows: between.join(template.format(label, *box) for label, box in rows)


FORMS: dict[str, Callable[[Sequence[Row]], str]] = {
    **{name: as_written(name) for name in ANSWER_FORMATS},
    "tokens skipped": lines("{}({},{}),({},{})", ", "),
    "json, label first": json_rows,
    "json, in lines": lambda rows: f"```json\n{json_rows(rows, indent=2)}\n```",
    "json, sides": named_sides,
    "json in a string": lambda rows: json.dumps({"answer": json_rows(rows)}),
    "after a thought": lambda rows: f"I see (1,2),(3,4) and (1,2),(3,4)</think>{json_rows(rows)}",
    "lists": lambda rows: json.dumps([[label, list(box)] for label, box in rows]),
    "label and list": lines("{}: [{}, {}, {}, {}]"),
    "list and label": lines("[{1}, {2}, {3}, {4}] {0}"),
    "lines of text": lines("{1},{2},{3},{4} {0}"),
    "tags": lines("<ref>{}</ref><box>({},{}),({},{})</box>", ""),
    "attributes": lines('<box x1="{1}" y1="{2}" x2="{3}" y2="{4}">{0}</box>', ""),
}

sides = st.lists(st.integers(2, GRID), min_size=2, max_size=2, unique=True).map(sorted)
boxes = st.tuples(sides, sides).map(lambda pairs: (pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]))
letters = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="<>")
labels = st.sampled_from(["dog", "red car", "狗", "Straße", "été 🦓"])


@st.composite
def answers_in_rows(draw: st.DrawFn) -> list[Row]:
    """Return different objects; some have the box or the label of another one."""
    few = draw(st.lists(boxes, min_size=1, max_size=4))
    return draw(
        st.lists(st.tuples(labels, st.sampled_from(few) | boxes), min_size=1, max_size=9, unique=True)
    )


def follow(text: str, source: random.Random) -> tuple[RepeatStop | None, int]:
    """Follow a text cut at random, to its stop or its end; return the stop and what was read until then."""
    watch, place = RepeatWatch(), 0
    while place < len(text):
        size = source.choice((1, 2, 3, 5, 9, 40))
        if (stop := watch.add(text[place : place + size])) is not None:
            return stop, place + size
        place += size
    return watch.finish(), len(text)


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40)  # for each of many forms
@given(rows=answers_in_rows(), seed=st.integers(0, 2**32))
def test_an_answer_without_equal_objects_goes_on(form: str, rows: list[Row], seed: int) -> None:
    text = FORMS[form](rows)
    assert follow(text, random.Random(seed))[0] is None
    assert find_repeat(text) is None


@pytest.mark.parametrize("form", ANSWER_FORMATS)
@given(
    names=st.lists(st.text(letters, min_size=1, max_size=80), max_size=5),
    data=st.data(),
)  # fmt: skip
def test_labels_may_be_anything(form: str, names: list[str], data: st.DataObject) -> None:
    rows = [(name, data.draw(boxes)) for name in names]
    text = FORMS[form](rows)
    assume(DUPLICATE not in read_answer(text, SIZE).problems)
    assert follow(text, random.Random(len(text)))[0] is None


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=40)  # for each of many forms
@given(rows=answers_in_rows(), after=answers_in_rows(), seed=st.integers(0, 2**32), data=st.data())
def test_a_repeat_ends_the_answer_before_it(
    form: str, rows: list[Row], after: list[Row], seed: int, data: st.DataObject
) -> None:
    again = data.draw(st.sampled_from(rows))
    text = FORMS[form]([*rows, again, *after])
    stop, read = follow(text, random.Random(seed))
    assert stop is not None
    assert stop.problem == REPEATED
    assert stop == find_repeat(text)
    kept = read_answer(text[: stop.place], SIZE)
    assert [(found.label, found.box.xyxy) for found in kept.detections] == [
        (found.label, found.box.xyxy) for found in read_answer(FORMS[form](rows), SIZE).detections
    ]
    assert len(kept.detections) == len(rows)
    # It is found when it is complete: no later than within the next object.
    assert read <= len(FORMS[form]([*rows, again, *after[:1]])) + 40


@pytest.mark.parametrize("form", FORMS)
def test_objects_that_take_turns_end_at_the_second_first(form: str) -> None:
    pair: list[Row] = [("dog", (10, 20, 300, 400)), ("cat", (50, 60, 700, 800))]
    text = FORMS[form](pair * 20)
    stop = find_repeat(text)
    assert stop is not None
    assert len(read_answer(text[: stop.place], SIZE).detections) == 2


@pytest.mark.parametrize(
    ("near", "count"),
    [((10, 20, 300, 400), 1), ((11, 20, 300, 400), 2), ((10, 20, 300, 398), 2)],
)
def test_a_box_one_step_away_is_another_object(near: tuple[int, ...], count: int) -> None:
    text = FORMS["objects"]([("dog", (10, 20, 300, 400)), ("dog", near)])
    stop = find_repeat(text)
    assert len(read_answer(text[: stop.place if stop else None], SIZE).detections) == count


def test_several_boxes_under_one_label() -> None:
    text = "dog<|box_start|>(1,2),(3,4)<|box_end|><|box_start|>(5,6),(7,8)<|box_end|>"
    assert find_repeat(text) is None
    assert find_repeat(text + "<|box_start|>(1,2),(3,4)<|box_end|>") == RepeatStop(len(text), REPEATED)
    assert find_repeat('{"boxes": [[1,2,3,4],[1,2,3,4]], "labels": ["a","b"]}') is None


def test_an_answer_after_prose_goes_on() -> None:
    prose = "cat: [1, 2, 3, 4]\nIn JSON:\n"
    rows = FORMS["json"]([("cat", (1, 2, 3, 4)), ("dog", (5, 6, 7, 8))])
    assert DUPLICATE in read_answer(prose + rows, SIZE).problems
    assert find_repeat(prose + rows) is None


def test_repeats_in_a_thought_do_not_count() -> None:
    text = f"the dog(1,2),(3,4), the dog(1,2),(3,4), {'so I look again, ' * 5}</think>the dog(1,2),(3,4)"
    assert find_repeat(text, thinks=True) is None
    assert find_repeat(text.replace("</think>", "")) is not None


@pytest.mark.parametrize(
    ("before", "loop"),
    [
        ("", "dog "),
        ("", "[{"),
        ("", '{"bbox_2d": '),
        ("", "<|object_ref_start|>"),
        ("", "dog(5,5), "),
        ("dog(1,2),(3,4)", ", cat"),
        ("dog(1,2),(3,4)", "\n"),
        ("dog(1,2),(3,4)", ", cat(1,29"),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}', ', {"label": "cat"}'),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}]', "\n\n"),
    ],
)
def test_a_loop_of_text_ends_the_answer_at_the_object_before_it(before: str, loop: str) -> None:
    stop, read = follow(before + loop * 300, random.Random(5))
    assert stop == RepeatStop(len(before), LOOPED)
    assert read < len(before) + 400


@pytest.mark.parametrize("loop", ["dog ", "dog\n", "9"])
def test_an_object_whose_label_or_box_never_ends_is_not_kept(loop: str) -> None:
    one = '[{"bbox_2d": [1, 2, 3, 4], "label": "cat"}'
    for more in (', {"bbox_2d": [5, 6, 7, 8], "label": "', ', {"label": "dog", "bbox_2d": [5, 6, 7'):
        stop = find_repeat(one + more + loop * 200)
        assert stop == RepeatStop(len(one), LOOPED)
    assert find_repeat('[{"bbox_2d": [5, 6, 7, 8], "label": "' + loop * 200) == RepeatStop(0, LOOPED)


def test_that_nothing_is_there_is_kept_once() -> None:
    once = "None of them is in the image.\n"
    assert find_repeat(once * 20) == RepeatStop(len(once), LOOPED)


@pytest.mark.parametrize(
    "write",
    [
        lambda number: f"a{number}({number},2),(3,4), ",  # nothing is suspected
        lambda number: f"a{number}(1,2),(3,4), ",  # each box is suspected, and none is a repeat
        lambda number: f'{{"a{number}": [1, 2, 3, 4]}}, ',
    ],
)
def test_the_work_is_linear(write: Callable[[int], str]) -> None:
    shares = []
    for count in (500, 2000):
        text = "".join(map(write, range(count)))
        watch = RepeatWatch()
        for start in range(0, len(text), 4):
            assert watch.add(text[start : start + 4]) is None
        assert watch.scanned <= SCANS * len(text) + FIRST_SCANS
        shares.append(watch.work / len(text))
    assert shares[1] <= 1.1 * shares[0] + 1


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_the_same_object_in_another_picture_is_none_that_repeats(answer_format: str) -> None:
    asked = Asked((Size(1000, 1000),) * 3)
    one = Detection("cat", Box(1.0, 2.0, 3.0, 4.0))
    answer = write_answer(answer_format, [replace(one, picture=place) for place in range(3)], asked)
    (text,) = fill_placeholders([answer.content], answer.objects)
    assert find_repeat(text, about_several=True) is None
    more = text.removesuffix("]")
    again = {"objects": ", cat(1,2),(3,4)", "json": ', {"image": 3, "bbox_2d": [1, 2, 3, 4], "label": "cat"}'}
    if answer_format == "objects":
        more = re.sub(r"<\|\w+\|>", "", text)
    stop = find_repeat(more + again[answer_format] + ", dog", about_several=True)
    assert stop == RepeatStop(len(more), REPEATED)
