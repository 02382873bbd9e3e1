import numpy as np
from PIL import Image

from grounding.boxes import Box
from visualize.draw.drawing import draw_marks
from visualize.draw.marks import Mark


def test_a_dashed_box_has_gaps():
    plain, dashed = (Image.new("RGB", (400, 300)) for _ in range(2))
    draw_marks(plain, [Mark(Box(100, 100, 300, 200), "a", "a", (240, 228, 66))])
    draw_marks(dashed, [Mark(Box(100, 100, 300, 200), "a", "a", (240, 228, 66), is_dashed=True)])
    assert np.asarray(dashed, int)[195:205].sum() < 0.8 * np.asarray(plain, int)[195:205].sum()
