import numpy as np
import pytest
from PIL import Image

from grounding.boxes import Box, Size
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
