import json

import pytest

from grounding.answers.forms import ANSWER_FORMATS
from grounding.answers.reader import read_answer
from grounding.answers.writer import write_answer
from grounding.boxes import Box, Size
from grounding.samples import Detection, Reading

SIZE = Size(2000, 1000)  # a grid step is 2 pixels wide and 1 high


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
