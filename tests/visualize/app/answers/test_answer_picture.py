import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box, Size
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer
from visualize.app.answered_question import AnsweredQuestion
from visualize.app.answers.answer_picture import draw_answer, shown_size


@pytest.mark.parametrize(
    ("size", "shown"),
    [((64, 64), (640, 640)), ((800, 600), (800, 600)), ((6000, 30), (1600, 8)), ((1, 1), (640, 640))],
)
def test_pictures_are_shown_at_a_size_to_look_at(size, shown):
    assert shown_size(Size(*size)) == Size(*shown)


def test_the_region_of_a_drawn_answer_is_lit():
    picture = Image.new("RGB", (64, 64), (100, 100, 100))
    drawn = np.asarray(
        draw_answer(
            [picture], AnsweredQuestion("?", ParsedAnswer("", (), ()), 1.0, region=Box(0, 0, 32, 64)), ()
        )
    )
    assert drawn.shape == (640, 640, 3)
    assert (drawn[:, :320] == 100).all()
    assert (drawn[:, 330:] == 50).all()


def test_several_pictures_stand_side_by_side_with_their_own_boxes():
    dark, light = Image.new("RGB", (640, 640), (10, 10, 10)), Image.new("RGB", (640, 320), (200, 200, 200))
    found = (Detection("cat", Box(100, 100, 300, 300), picture=1),)
    asked = AnsweredQuestion("?", ParsedAnswer("", found, ()), 1.0, pictures=2)
    drawn = np.asarray(draw_answer([dark, light], asked, ()))
    assert drawn.shape[1] > 1280
    assert drawn.shape[0] < 800
    left, right = drawn[:, :650], drawn[:, 660:]
    assert (left[-600:-20, 20:600] == 10).all()  # no box in the first picture
    assert len(np.unique(right[-300:-20, 20:600].reshape(-1, 3), axis=0)) > 1
    nothing = AnsweredQuestion("?", ParsedAnswer("", (), ()), 1.0, pictures=3)
    three = draw_answer([dark, light, light], nothing, ())
    assert three.height > 640 + 320
