from grounding.boxes import Size
from visualize.draw.pen import pen_for


def test_lines_and_letters_grow_with_the_image():
    pens = [pen_for(Size(side, side)) for side in (64, 640, 6000)]
    assert [pen.font for pen in pens] == [9, 18, 167]
    assert [pen.line for pen in pens] == [1, 3, 30]
