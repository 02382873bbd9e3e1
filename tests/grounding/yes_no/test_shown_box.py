import pytest

from grounding.answers.reader import read_answer
from grounding.answers.writer import write_answer
from grounding.boxes import GRID, Box, Size
from grounding.images.region_pictures import draw_outline, draw_spotlight
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection
from grounding.yes_no.shown_box import draw_shown_box, write_box
from tests.visualize.scenes import colourful

BOX = Box(10, 20, 300, 400)


def test_the_two_ways_to_draw_a_box() -> None:
    image, box = colourful(60, 40), Box(5, 10, 30, 20)
    assert draw_shown_box(image, box, "outline").tobytes() == draw_outline(image, box).tobytes()
    assert draw_shown_box(image, box, "spotlight").tobytes() == draw_spotlight(image, box).tobytes()


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_a_box_is_written_as_in_answers(answer_format: str) -> None:
    size = Size(GRID, GRID)
    answer = write_answer(answer_format, [Detection("cat", BOX)], size)
    (text,) = fill_placeholders([answer.content], answer.objects)
    written = write_box((10, 20, 300, 400), answer_format)
    assert written in text
    assert [found.box for found in read_answer(f"cat {written}", size).detections] == [BOX]
