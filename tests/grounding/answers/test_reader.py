import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grounding.answers.forms import (
    ANSWER_FORMATS,
    DUPLICATE,
    EMPTY_ANSWER,
    FRACTIONS,
    LABEL_ONLY,
    NO_AREA,
    NO_BOX,
    NOT_FOUR_NUMBERS,
    NOTHING_FOUND,
    OUT_OF_RANGE,
    TRUNCATED,
    UNLABELLED,
    UPSIDE_DOWN,
)
from grounding.answers.reader import read_answer
from grounding.answers.writer import Answer, write_answer
from grounding.boxes import GRID, Box, Size
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection, Reading

SIZE = Size(2000, 1000)  # a grid step is 2 pixels wide and 1 high


def trained_text(answer: Answer) -> str:
    return fill_placeholders([answer.content], answer.objects)[0]


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
        # several boxes under one name, without the tokens
        ("cat(1,2),(3,4)(5,6),(7,8)", [("cat", (1, 2, 3, 4)), ("cat", (5, 6, 7, 8))], ()),
        ("cat(1,2),(3,4), (5,6),(7,8)", [("cat", (1, 2, 3, 4)), ("cat", (5, 6, 7, 8))], ()),
        # labels
        ("cup (red)(1,2),(3,4)", [("cup (red)", (1, 2, 3, 4))], ()),
        ("3-year-old's T-shirt, size 10(1,2),(3,4)", [("3-year-old's T-shirt, size 10", (1, 2, 3, 4))], ()),
        (
            "قطة(1,2),(3,4), बिल्ली(1,2),(3,5), แมว(1,2),(3,6), кошка(1,2),(3,7), 🐈(1,2),(3,8)、"
            "猫、左(1,2),(3,9)",
            [
                (label, (1, 2, 3, 4 + place))
                for place, label in enumerate(["قطة", "बिल्ली", "แมว", "кошка", "🐈", "猫、左"])
            ],
            (),
        ),
        # one object, no fence, brackets that mean nothing, the other keys, numbers and quotes
        ('{"bbox": [1, 2, 3, 4], "label": "cat"}', [("cat", (1, 2, 3, 4))], ()),
        ("{'label': 'cat', 'bbox_2d': [1, 2, 3, 4],}", [("cat", (1, 2, 3, 4))], ()),
        (
            'I found [what you wanted] here: {"bbox_2d": [1, 2, 3, 4], "label": "dog\'s"} (see above).',
            [("dog's", (1, 2, 3, 4))],
            (),
        ),
        ("The box is [1.5, 2, 3e1, 4.25].", [("", (1.5, 2, 30, 4.25))], (UNLABELLED,)),
        ("[[1, 2, 3, 4], [5, 6, 7, 8]]", [("", (1, 2, 3, 4)), ("", (5, 6, 7, 8))], (UNLABELLED,) * 2),
        # coordinates
        ("cat(1.5,2.25),(30.5,40)", [("cat", (1.5, 2.25, 30.5, 40))], ()),
        ("cat(-5,2),(30,40)", [("cat", (0, 2, 30, 40))], (OUT_OF_RANGE,)),
        ("cat(1,40),(30,2)", [], (UPSIDE_DOWN,)),
        ('{"bbox_2d": [30, 2, 1, 40], "label": "cat"}', [], (UPSIDE_DOWN,)),
        ("cat(1200,2),(1300,40)", [], (OUT_OF_RANGE, NO_AREA)),
        (
            '[{"bbox_2d": [1,2,3,4], "label": "a"}, {"bbox_2d": [1,2,3,4], "label": "a"}]',
            [("a", (1, 2, 3, 4))] * 2,
            (DUPLICATE,),
        ),
        # the scale is never guessed: small numbers are grid steps, too; that all are fractions is said
        ("cat(0.1,0.2),(0.5,0.9)", [("cat", (0.1, 0.2, 0.5, 0.9))], (FRACTIONS,)),
    ],
)
def test_forms_of_answers(text: str, expected: list[object], problems: tuple[str, ...]) -> None:
    reading = read_answer(text, SIZE)
    assert readable(reading) == expected
    assert reading.problems == problems


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "```json\n[]\n```",
        "{}",
        '{"objects": []}',
        "null",
        "None",
        "Nothing found.",
        "No objects were found.",
        "There are no cats in the image.",
        "No, there isn't any red cup, left of the dog.",
        "The image does not contain a cat.",
        "Sorry, I couldn't find a cat here.",
        "There are no cats in the image.\n```json\n[]\n```",
        "图中没有猫。",
        "未检测到目标",
        "在图中，没有找到狗。",
        "图像中不存在狗，没有检测到。",
        "无",
    ],
)
def test_answers_that_say_that_there_is_nothing(text: str) -> None:
    assert read_answer(text, SIZE) == Reading((), ())
    assert read_answer(f"{text}<|im_end|>", SIZE) == Reading((), ())


@pytest.mark.parametrize(
    "text",
    [
        "I see a cat.",
        "There are no dogs. I see a cat.",
        "There are no dogs, but a cat.",
        "I cannot help with that.",
        "No.",
        "Notice the cat",
        "有一只猫，没有狗。",
        "只有猫，没有狗",
        "```json",
        "Here is the cat: []",
        "None of them is in the image at 5.",
    ],
)
def test_words_without_a_box_are_not_taken_for_nothing(text: str) -> None:
    reading = read_answer(text, SIZE)
    assert reading.detections == ()
    assert reading.problems != ()


@given(st.lists(detections(), min_size=1, max_size=4, unique=True), st.data())
def test_of_json_that_is_cut_off_all_that_is_complete_is_kept(
    objects: list[Detection], data: st.DataObject
) -> None:
    rows = [write_answer("json", [found], SIZE).content[1:-1] for found in objects]
    text = f"[{', '.join(rows)}]"
    cut = data.draw(st.integers(1, len(text) - 1))
    ends = [1 + sum(len(row) + 2 for row in rows[:number]) - 2 for number in range(1, len(rows) + 1)]
    complete = sum(end <= cut for end in ends)
    reading = read_answer(text[:cut], SIZE)
    assert reading.detections[:complete] == tuple(objects[:complete])
    # Of the object that was cut, the box may be whole.
    assert [found.box for found in reading.detections] == [
        found.box for found in objects[: len(reading.detections)]
    ]
    assert len(reading.detections) <= complete + 1
    assert TRUNCATED in reading.problems


@given(st.lists(detections(), min_size=1, max_size=4, unique=True), st.data())
def test_of_grounding_tokens_that_are_cut_off_all_that_is_complete_is_kept(
    objects: list[Detection], data: st.DataObject
) -> None:
    pieces = [trained_text(write_answer("objects", [found], SIZE)) for found in objects]
    text = ", ".join(pieces)
    cut = data.draw(st.integers(1, len(text) - 1))
    ends = [sum(len(piece) + 2 for piece in pieces[:number]) - 2 for number in range(1, len(pieces) + 1)]
    complete = sum(end <= cut for end in ends)
    reading = read_answer(text[:cut], SIZE)
    assert reading.detections[:complete] == tuple(objects[:complete])
    assert len(reading.detections) <= complete + 1  # the end token alone may be lacking
    inside_an_object = not any(end <= cut <= end + 2 for end in ends)
    assert reading.problems or len(reading.detections) > complete or not inside_an_object


@pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
def test_thousands_of_boxes_are_read(answer_format: str) -> None:
    objects = tuple(
        Detection(f"person {number % 7}, left", Box(2.0 * (number % 99), number // 99, 2000.0, 1000.0))
        for number in range(5000)
    )
    text = trained_text(write_answer(answer_format, objects, SIZE))
    assert read_answer(text, SIZE) == Reading(objects, ())


@pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
@given(objects=st.lists(detections(), max_size=6, unique=True))
def test_each_detection_knows_its_place_in_the_text(answer_format: str, objects: list[Detection]) -> None:
    thought = "<think>cat(1,2),(3,4)</think>"
    text = thought + trained_text(write_answer(answer_format, objects, SIZE))
    reading = read_answer(text, SIZE)
    assert [found.label for found in reading.detections] == [found.label for found in objects]
    for found, (label, box) in zip(reading.detections, reading.spans, strict=True):
        assert text[slice(*label)] == found.label
        assert len(text[slice(*box)].split(",")) == 4
        assert read_answer("x" + text[slice(*box)], SIZE).detections[0].box == found.box or (
            read_answer(text[slice(*box)], SIZE).detections[0].box == found.box
        )
    assert list(reading.spans) == sorted(reading.spans) or answer_format == "json"


def test_boxes_under_one_name_share_its_place() -> None:
    text = "a cat(1,2),(3,4)(5,6),(7,8), dog(1,2),(3,4)"
    places = [[text[start:end] for start, end in parts] for parts in read_answer(text, SIZE).spans]
    assert places == [["a cat", "(1,2),(3,4)"], ["a cat", "(5,6),(7,8)"], ["dog", "(1,2),(3,4)"]]
    assert read_answer("[1,2,3,4]", SIZE).spans == (((0, 9),),)


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


@pytest.mark.parametrize("levels", [1, 19, 20, 21, 500])
def test_a_box_under_many_brackets_is_read(levels: int) -> None:
    row = '{"bbox_2d": [1, 2, 30, 40], "label": "cat"}'
    expected = read_answer(f"[{row}, [1, 2, 3, 4]]", SIZE)
    assert len(expected.detections) == 2
    assert (
        read_answer(f"{'[' * levels}{row}, [1, 2, 3, 4]{']' * levels}", SIZE).detections
        == expected.detections
    )
