import numpy as np
import pytest
from PIL import Image

from grounding.views.view_pictures import cut_view

PIXELS = np.arange(60 * 100 * 3, dtype=np.uint32).reshape(60, 100, 3).astype(np.uint8)


def test_a_view_has_the_pixels_of_its_region() -> None:
    view = cut_view(Image.fromarray(PIXELS), (429, 0, 1000, 571))
    assert np.array_equal(np.asarray(view), PIXELS[:35, 42:])


@pytest.mark.parametrize(("most", "size"), [(2030, (58, 35)), (2029, (57, 34)), (500, (28, 17)), (1, (1, 1))])
def test_a_view_of_too_many_pixels_is_reduced(most: int, size: tuple[int, int]) -> None:
    assert cut_view(Image.fromarray(PIXELS), (429, 0, 1000, 571), most).size == size
