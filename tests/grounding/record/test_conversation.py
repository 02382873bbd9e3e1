from typing import Any

import pytest

from grounding.answers.asked import Asked
from grounding.boxes import GRID, Box, Size
from grounding.record.conversation import Turn, parse_record
from grounding.samples import Detection

ROW: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "<image>Beside <ref-object><bbox>?"},
        {"role": "assistant", "content": "<ref-object><bbox>"},
        {"role": "user", "content": "Go on."},
        {"role": "assistant", "content": '[{"bbox_2d": [0, 0, 10, 20], "label": "cup"}, {"bbox_2d": [1]}]'},
    ],
    "images": ["images/1.jpg"],
    "objects": {"ref": ["cat", "dog"], "bbox": [[0, 1, 2, 3], [4, 5, 6, 7]]},
}


def test_turns_are_those_of_training() -> None:
    record = parse_record(ROW)
    assert record.image == "images/1.jpg"
    assert record.turns[0] == Turn(
        "user",
        "<image>Beside <|object_ref_start|>cat<|object_ref_end|><|box_start|>(0,1),(2,3)<|box_end|>?",
    )
    assert record.answers == (
        "<|object_ref_start|>dog<|object_ref_end|><|box_start|>(4,5),(6,7)<|box_end|>",
        ROW["messages"][3]["content"],
    )


def test_objects_are_read_from_all_answers_and_from_no_question() -> None:
    reading = parse_record(ROW).read_answers(Size(GRID, GRID))
    assert reading.detections == (Detection("dog", Box(4, 5, 6, 7)), Detection("cup", Box(0, 0, 10, 20)))
    assert len(reading.problems) == 1
    assert parse_record(ROW).read_answers(Size(500, 2000)).detections[1].box == Box(0, 0, 5, 40)


def test_objects_are_read_from_what_follows_a_question_for_words() -> None:
    messages = [
        {"role": "user", "content": "<image>What is it?"},
        {"role": "assistant", "content": "the cat (1,2),(3,4)"},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "Yes."},
        *ROW["messages"][2:],
    ]
    mark = {"box": [1, 2, 3, 4], "show": "spotlight", "label": None, "phrases": ["the cat (1,2),(3,4)"]}
    record = parse_record({"messages": messages, "images": ["images/1.jpg"], "region": mark})
    reading = record.read_answers(Size(GRID, GRID))
    assert reading.detections == (Detection("cup", Box(0, 0, 10, 20)),)
    assert len(reading.problems) == 1  # of the row without four numbers; "Yes." is none
    assert not record.names_objects


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"messages": None}, "NoneType"),
        ({"messages": [{"content": "x"}]}, "role is missing"),
        ({"messages": [{"role": "user", "content": None}]}, "split"),
        ({"images": []}, "images is not a list of paths"),
        ({"images": [3]}, "images is not a list of paths"),
        ({"objects": {"ref": [3, 4], "bbox": []}}, "label 3 is not a text"),
        ({"objects": {"ref": ["cat", "dog"], "bbox": [[1, 2, 3]]}}, "4"),
        ({"objects": [1]}, "get"),
    ],
)
def test_what_is_no_record(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=rf"not a training record \(.*{reason}"):
        parse_record(ROW | changes)


BOX = "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(0,0),(500,500)<|box_end|>"


def two_pictures(first: str, second: str = "Go on.") -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": f"{first}Cats?"},
            {"role": "assistant", "content": BOX if first == "<image>" else f"Image 2: {BOX}"},
            {"role": "user", "content": second},
            {"role": "assistant", "content": f"Image 2: {BOX}"},
        ],
        "images": ["a.jpg", "b.jpg"],
    }


def test_an_answer_is_about_the_pictures_that_were_shown_before_it() -> None:
    sizes = Asked((Size(1000, 1000), Size(200, 4000)))
    later = parse_record(two_pictures("<image>", "<image>And here?"))
    assert later.shown == (1, 2)
    found = later.read_answers(sizes).detections
    assert [(each.picture, each.box.xyxy) for each in found] == [
        (0, (0, 0, 500, 500)),
        (1, (0, 0, 100, 2000)),
    ]
    both = parse_record(two_pictures("<image><image>"))
    assert both.shown == (2, 2)
    assert [each.picture for each in both.read_answers(Size(GRID, GRID)).detections] == [1, 1]
    assert both.read_answers(Size(GRID, GRID)).problems == ()


def test_pictures_of_other_sizes_are_never_read_with_one_size() -> None:
    record = parse_record(two_pictures("<image><image>"))
    with pytest.raises(ValueError, match="1 sizes of 2 images"):
        record.read_answers(Size(640, 480))


@pytest.mark.parametrize("indices", [[0, 2], [-1, 0], [0], [0, "1"], [True, 0], 1])
def test_an_index_of_no_picture_is_refused(indices: Any) -> None:
    objects = ROW["objects"] | {"image_id": indices}
    with pytest.raises(ValueError, match=r"objects\.image_id"):
        parse_record(ROW | {"images": ["a.jpg", "b.jpg"], "objects": objects})


def test_each_box_of_a_record_knows_its_picture() -> None:
    row = ROW | {"images": ["a.jpg", "b.jpg"], "objects": ROW["objects"] | {"image_id": [1, 0]}}
    assert parse_record(row).box_pictures == (1, 0)
    assert parse_record(ROW).box_pictures == (0, 0)
