import numpy as np
import pytest

from infer.engines.segment.grown_region import connected_part, grow_region


def two_squares(gap: int = 4) -> "np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]":
    """Two red squares of 8 pixels on grey, side by side."""
    pixels = np.full((24, 40, 3), 128, dtype=np.uint8)
    pixels[8:16, 6:14] = pixels[8:16, 14 + gap : 22 + gap] = (200, 30, 30)
    return pixels


def test_the_region_ends_at_the_edges_of_the_object() -> None:
    region = grow_region(two_squares(), [(10, 12)], [])
    assert region[8:16, 6:14].all()
    assert int(region.sum()) == 64


def test_shades_of_an_object_belong_to_it_and_its_ground_does_not() -> None:
    pixels = np.full((40, 60, 3), (30, 120, 60), dtype=np.uint8)
    pixels[:, :, 1] += np.linspace(0, 30, 60).astype(np.uint8)  # the ground is shaded, too
    pixels[10:30, 15:45] = (200, 30, 30)
    pixels[10:30, 15:45, 0] -= np.linspace(0, 70, 30).astype(np.uint8)
    inside = np.zeros((40, 60), dtype=np.bool_)
    inside[10:30, 15:45] = True
    for x in (18, 30, 42):
        region = grow_region(pixels, [(x, 20)], [])
        assert (region & inside).sum() / (region | inside).sum() > 0.9, x


def test_several_wanted_pixels_give_one_region() -> None:
    region = grow_region(two_squares(), [(10, 12), (20, 12)], [])
    assert int(region.sum()) == 128


def test_an_unwanted_pixel_is_never_in_it() -> None:
    pixels = two_squares(gap=0)  # one object of 16 x 8
    assert int(grow_region(pixels, [(7, 9)], []).sum()) == 128
    region = grow_region(pixels, [(7, 9)], [(20, 14)])
    assert region[9, 7]
    assert not region[14, 20]


def test_noise_does_not_stop_it() -> None:
    noise = np.random.default_rng(0).integers(-6, 7, (24, 40, 3))
    region = grow_region(np.clip(two_squares() + noise, 0, 255).astype(np.uint8), [(10, 12)], [])
    inside = np.zeros_like(region)
    inside[8:16, 6:14] = True
    assert (region & inside).sum() / (region | inside).sum() > 0.8


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (30, 1)])
def test_tiny_pictures_of_one_colour_are_their_own_region(shape: tuple[int, int]) -> None:
    pixels = np.full((*shape, 3), 77, dtype=np.uint8)
    assert grow_region(pixels, [(0, 0)], []).all()


def test_a_part_is_connected_by_sides() -> None:
    mask = np.array([[1, 1, 0], [0, 0, 1], [1, 0, 1]], dtype=np.bool_)
    assert connected_part(mask, (0, 0)).tolist() == [[True, True, False], [False] * 3, [False] * 3]
    assert connected_part(mask, (1, 2)).tolist() == [
        [False, False, False],
        [False, False, True],
        [True, True, True],
    ]
