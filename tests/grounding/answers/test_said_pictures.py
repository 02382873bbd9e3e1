"""Answers about several pictures: each box comes back in its picture, or is named as a problem."""

import random
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.forms import (
    ANSWER_FORMATS,
    DUPLICATE,
    LABEL_ONLY,
    PICTURE_MISSING,
    PICTURE_UNCLEAR,
    PICTURE_UNNAMED,
    PICTURES_FROM_0,
    TRUNCATED,
    UNLABELLED,
)
from grounding.answers.reader import read_answer
from grounding.answers.writer import write_answer
from grounding.boxes import GRID, Box, Size, from_grid
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection

GRID_SIZE = Size(GRID, GRID)
SIZES = (Size(2000, 1000), Size(500, 4000), Size(1000, 1000), Size(3000, 250))
TWO = Asked((GRID_SIZE,) * 2)
LABELS = (
    *("cat", "red cup, left", "杯子", 'a "b"', "Image 2", "a. Image 2: x", "图2：", "picture 3", "man's hat"),
    *("in image 1", "x\nImage 1: y", "[x]", "(1,2)", '"image": 2'),
)
"""Labels that name pictures, too."""

WITHOUT_TOKENS = ("cat", "red cup, left", "杯子", "don't-walk 2")

formats = pytest.mark.parametrize("answer_format", ANSWER_FORMATS)


def written(answer_format: str, objects: Sequence[Detection], asked: Asked) -> str:
    answer = write_answer(answer_format, objects, asked)
    return fill_placeholders([answer.content], answer.objects)[0]


@st.composite
def answers(draw: st.DrawFn, labels: Sequence[str] = LABELS) -> tuple[Asked, list[Detection]]:
    asked = Asked(SIZES[: draw(st.integers(1, 4))])
    objects = []
    for _ in range(draw(st.integers(0, 5))):
        x1, x2 = sorted(draw(st.lists(st.integers(0, GRID), min_size=2, max_size=2, unique=True)))
        y1, y2 = sorted(draw(st.lists(st.integers(0, GRID), min_size=2, max_size=2, unique=True)))
        picture = draw(st.integers(0, len(asked.sizes) - 1))
        text = draw(st.none() | st.sampled_from(("big. Image 2: is not", '"图1"', "in\nImage 1:")))
        box = from_grid(x1, y1, x2, y2, asked.sizes[picture])
        found = Detection(draw(st.sampled_from(labels)), box, description=text, picture=picture)
        objects += [] if found in objects else [found]
    return asked, sorted(objects, key=lambda found: found.picture)


@formats
@settings(max_examples=40)
@given(made=answers())
def test_what_is_written_is_read_back_in_its_picture(
    answer_format: str, made: tuple[Asked, list[Detection]]
) -> None:
    asked, objects = made
    reading = read_answer(written(answer_format, objects, asked) + "<|im_end|>", asked)
    assert list(reading.detections) == objects
    assert set(reading.problems) <= {DUPLICATE}


@formats
@settings(max_examples=40)
@given(made=answers(), data=st.data())
def test_an_answer_that_is_cut_has_no_box_of_another_picture(
    answer_format: str, made: tuple[Asked, list[Detection]], data: st.DataObject
) -> None:
    asked, objects = made
    text = written(answer_format, objects, asked)
    cut = text[: data.draw(st.integers(0, len(text)))]
    reading = read_answer(cut, asked)
    places = [(found.picture, found.box) for found in objects]
    assert [(found.picture, found.box) for found in reading.detections] == places[: len(reading.detections)]


@settings(max_examples=80)
@given(made=answers(WITHOUT_TOKENS))
def test_answers_without_their_special_tokens_are_read_back(made: tuple[Asked, list[Detection]]) -> None:
    asked, objects = made
    text = re.sub(r"<\|\w+\|>", "", written("objects", objects, asked))
    assert list(read_answer(text, asked).detections) == objects


BOX, OTHER = "(1,2),(3,4)", "(5,6),(7,8)"


@pytest.mark.parametrize(
    ("text", "expected", "problems"),
    [
        (f"Image 1: cat{BOX}\nImage 2: dog{OTHER}", [("cat", 0), ("dog", 1)], ()),
        (f"Image 1: cat{BOX}, Image 2: dog{OTHER}", None, ()),
        (f"**Image 2**\n- cat: {BOX}\n- dog: {OTHER}", [("cat", 1), ("dog", 1)], ()),
        (f"### Picture 2:\ncat{BOX}", [("cat", 1)], ()),
        (f"<Image 2>: cat{BOX}", [("cat", 1)], ()),
        (f"[Image 2] cat{BOX}", [("cat", 1)], ()),
        (f"1. Image 2: cat{BOX}", [("cat", 1)], ()),
        (f"IMAGE #2 - cat{BOX}", [("cat", 1)], ()),
        (f"图2：猫{BOX}", [("猫", 1)], ()),
        (f"图片1：猫{BOX}\n图片2：狗{OTHER}", [("猫", 0), ("狗", 1)], ()),
        (f"第2张图：猫{BOX}", [("猫", 1)], ()),
        (f"在第二张图片中，猫{BOX}", [("猫", 1)], ()),
        (f"The second image: cat{BOX}", [("cat", 1)], ()),
        (f"Image 1: none\nImage 2: cat{BOX}", [("cat", 1)], ()),
        (f"Image 1:\nImage 2: cat{BOX}", [("cat", 1)], ()),
        (f"Here is what I see.\n\nImage 2: cat{BOX}", [("cat", 1)], ()),
        (f"<think>Image 1: dog{OTHER}</think>Image 2: cat{BOX}", [("cat", 1)], ()),
        (f"cat in image 2: {BOX}", [("cat", 1)], ()),
        (f"cat (image 2): {BOX}\ndog (image 1): {OTHER}", [("cat", 1), ("dog", 0)], ()),
        ("In the first image, I see it at [1,2,3,4]. In the second image, at [5,6,7,8].",
         [("", 0), ("", 1)], (UNLABELLED, UNLABELLED)),
        ('Image 1: ```json\n[{"bbox_2d": [1,2,3,4], "label": "cat"}]\n```\nImage 2: ```json\n'
         '[{"bbox_2d": [5,6,7,8], "label": "dog"}]\n```', [("cat", 0), ("dog", 1)], ()),
        ('Image 1: [{"bbox_2d": [1,2,3,4], "label": "cat"\nImage 2: [{"bbox_2d": [5,6,7,8], "label": "dog"}]',
         [("cat", 0), ("dog", 1)], (TRUNCATED,)),
        ('{"Image 1": [{"bbox_2d": [1,2,3,4], "label": "cat"}], "image_2": {"dog": [5,6,7,8]}}',
         [("cat", 0), ("dog", 1)], ()),
        ('[{"label": "cat", "bbox_2d": [1,2,3,4], "image": 2}]', [("cat", 1)], ()),
        ('[{"label": "cat", "bbox_2d": [1,2,3,4], "image": "Image 2"}]', [("cat", 1)], ()),
        ('[{"image": "2", "objects": [{"label": "cat", "bbox_2d": [1,2,3,4]}]}]', [("cat", 1)], ()),
        ('[{"picture_number": 2, "label": "cat", "bbox_2d": [[1,2,3,4],[5,6,7,8]]}]',
         [("cat", 1), ("cat", 1)], ()),
        ('[{"image": 0, "label": "cat", "bbox_2d": [1,2,3,4]}, {"image": 1, "label": "a", "bbox": [1,2,3,4]}'
         "]",
         [("cat", 0), ("a", 1)], (PICTURES_FROM_0,)),
        ('[{"image_index": 0, "label": "cat", "bbox_2d": [1,2,3,4]}]', [("cat", 0)], ()),
        ('[{"image_id": 2, "label": "cat", "bbox_2d": [1,2,3,4]}]', [("cat", 1)], ()),
        ('Image 2: [{"image_index": 1, "label": "cat", "bbox_2d": [1,2,3,4]}]', [("cat", 1)], ()),
        ("None of them is in the image.", [], ()),
        ("[]", [], ()),
        # What names no picture, or not clearly one, gives no box.
        ('[{"image_index": 1, "label": "cat", "bbox_2d": [1,2,3,4]}]', [], (PICTURE_UNCLEAR,)),
        ('[{"image": 0, "bbox": [1,2,3,4]}, {"image": 2, "bbox": [1,2,3,4]}]', [], (PICTURE_UNCLEAR,) * 2),
        ('Image 1: [{"image": 2, "label": "cat", "bbox_2d": [1,2,3,4]}]', [], (PICTURE_UNCLEAR,)),
        (f"Images 1 and 2: cat{BOX}", [], (PICTURE_UNCLEAR,)),
        (f"Image 1 and Image 2: cat{BOX}", [], (PICTURE_UNCLEAR,)),
        (f"Image 1, 2: cat{BOX}", [], (PICTURE_UNCLEAR,)),
        ("Compared to image 1, the cat in image 2 is at [1,2,3,4]", [], (PICTURE_UNCLEAR,)),
        (f"Image 1: cat{BOX}, dog{OTHER} in image 2", [], (PICTURE_UNCLEAR, PICTURE_UNCLEAR, LABEL_ONLY)),
        (f"Image 3: cat{BOX}", [], (PICTURE_MISSING,)),
        ('[{"image": -1, "label": "cat", "bbox_2d": [1,2,3,4]}]', [], (PICTURE_MISSING,)),
        ('[{"image": 1.5, "label": "cat", "bbox_2d": [1,2,3,4]}]', [], (PICTURE_UNNAMED,)),
        ('[{"image": "cat.jpg", "label": "cat", "bbox_2d": [1,2,3,4]}]', [], (PICTURE_UNNAMED,)),
        (f"cat{BOX}", [], (PICTURE_UNNAMED,)),
        ("Image 2:", [], (TRUNCATED,)),
    ],
)  # fmt: skip
def test_how_models_name_pictures(
    text: str, expected: list[tuple[str, int]] | None, problems: tuple[str, ...]
) -> None:
    reading = read_answer(text, TWO)
    found = [(detection.label, detection.picture) for detection in reading.detections]
    if expected is None:  # no sentence begins at a comma: better no box than one of another picture
        assert PICTURE_UNCLEAR in reading.problems
        assert ("dog", 0) not in found
        return
    assert (found, reading.problems) == (expected, problems)


@formats
def test_nothing_changes_for_one_picture(answer_format: str) -> None:
    objects = [Detection("Image 2", Box(2.0, 1.0, 4.0, 3.0)), Detection("cat", Box(2.0, 1.0, 4.0, 3.0))]
    text = written(answer_format, objects, Asked(SIZES[:1]))
    assert text == written(answer_format, objects, Asked((SIZES[0],)))
    assert "Image 1" not in text
    assert read_answer(text, SIZES[0]) == read_answer(text, Asked(SIZES[:1]))
    assert list(read_answer(text, SIZES[0]).detections) == objects
    alone = '[{"image": 2, "bbox_2d": [1, 2, 3, 4], "label": "cat"}]'
    assert [found.picture for found in read_answer(alone, GRID_SIZE).detections] == [0]


def test_boxes_are_in_pixels_of_their_own_picture() -> None:
    text = "Image 1: a(0,0),(500,500)\nImage 2: a(0,0),(500,500)"
    boxes = [found.box.xyxy for found in read_answer(text, Asked(SIZES[:2])).detections]
    assert boxes == [(0, 0, 1000, 500), (0, 0, 250, 2000)]


PIECES = (
    "Image 1: ",
    "\nImage 2:",
    "图2：",
    "in image 3",
    '"image": 2, ',
    '{"image": 1',
    "[",
    "]",
    "}",
    '"',
    "'",
    ",",
)


def test_no_text_makes_it_raise_and_all_boxes_are_inside() -> None:
    chance = random.Random(7)
    asked = Asked(SIZES[:3])
    for _ in range(500):
        objects = [
            Detection(chance.choice(LABELS), Box(1.0, 1.0, 40.0, 50.0), picture=chance.randrange(3))
            for _ in range(chance.randrange(4))
        ]
        text = written(chance.choice(ANSWER_FORMATS), objects, asked)
        for _ in range(chance.randrange(1, 4)):
            place, end = (chance.randrange(len(text) + 1) for _ in range(2))
            text = text[:place] + chance.choice((*PIECES, text[place:end])) + text[min(end, place + 9) :]
        reading = read_answer(text, asked)
        for found, spans in zip(reading.detections, reading.spans, strict=True):
            size = asked.sizes[found.picture]
            assert found.box.has_area, text
            assert found.box.clipped(size) == found.box, text
            assert all(0 <= start < end <= len(text) for start, end in spans), text
