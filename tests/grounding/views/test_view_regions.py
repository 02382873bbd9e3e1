import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.boxes import GRID, Size, from_grid
from grounding.views.view_regions import choose_regions, object_regions, region_pixels, tile_regions
from grounding.views.view_settings import ViewSettings

TILES, OBJECTS = (ViewSettings(views=f"global+{kind}") for kind in ("tiles", "objects"))


def is_covered(regions: tuple[tuple[int, int, int, int], ...], x: int, y: int) -> bool:
    return any(x1 <= x <= x2 and y1 <= y <= y2 for x1, y1, x2, y2 in regions)


@settings(max_examples=50)
@given(
    st.integers(1, 6),
    st.one_of(st.none(), st.integers(1, 900)),
    st.floats(0, 0.9),
    st.integers(2, 40),
    st.integers(1, 3000),
    st.integers(1, 3000),
)
def test_tiles_cover_the_picture_and_are_few(
    tiles: int, longest: int | None, overlap: float, most: int, width: int, height: int
) -> None:
    keys = ViewSettings(
        views="global+tiles", view_tiles=tiles, view_size=longest, view_overlap=overlap, view_most=most
    )
    regions = tile_regions(keys, Size(width, height))
    assert len(regions) <= most
    assert len(set(regions)) == len(regions) != 1
    for x1, y1, x2, y2 in regions:
        assert 0 <= x1 < x2 <= GRID
        assert 0 <= y1 < y2 <= GRID
    if regions:
        assert all(is_covered(regions, x, y) for x, y in itertools.product(range(0, GRID + 1, 100), repeat=2))


def test_two_tiles_a_side_share_a_quarter_of_their_length() -> None:
    assert tile_regions(TILES, Size(640, 480)) == (
        (0, 0, 571, 571),
        (429, 0, 1000, 571),
        (0, 429, 571, 1000),
        (429, 429, 1000, 1000),
    )


@pytest.mark.parametrize(
    ("size", "counts"), [(Size(500, 400), (1, 1)), (Size(1000, 400), (3, 1)), (Size(870, 1200), (2, 3))]
)
def test_a_longest_side_says_how_many_tiles_there_are(size: Size, counts: tuple[int, int]) -> None:
    regions = tile_regions(ViewSettings(views="global+tiles", view_size=500), size)
    columns, rows = (len({region[side] for region in regions}) for side in (0, 1))
    assert (columns, rows) == (counts if regions else (0, 0))
    assert len(regions) == (0 if counts == (1, 1) else columns * rows)
    for region in regions:
        x1, y1, x2, y2 = region_pixels(region, size)
        assert max(x2 - x1, y2 - y1) <= 500 + 2  # rounding to the grid and to whole pixels


def test_small_boxes_are_shown_and_each_once() -> None:
    large, small, beside = (0, 0, 900, 900), (100, 200, 120, 240), (110, 210, 130, 230)
    corner = (990, 990, 1000, 1000)
    regions = object_regions(OBJECTS, (large, small, beside, corner))
    assert regions == ((70, 170, 170, 270), (900, 900, 1000, 1000))
    assert object_regions(OBJECTS, (corner, beside, small, large)) == regions
    assert choose_regions(OBJECTS, Size(9, 9)) == ()
    assert choose_regions(ViewSettings(), Size(9, 9), (small,)) == ()


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.integers(0, 998)] * 2, *[st.integers(1, 300)] * 2)), st.integers(1, 5))
def test_each_small_box_is_in_a_region_unless_there_are_too_many(
    numbers: list[tuple[int, ...]], most: int
) -> None:
    boxes = [(x, y, min(GRID, x + width), min(GRID, y + height)) for x, y, width, height in numbers]
    regions = object_regions(ViewSettings(views="global+objects", view_most=most), boxes)
    assert len(regions) <= most
    if len(regions) < most:
        for box in boxes:
            assert any(a <= box[0] and b <= box[1] and c >= box[2] and d >= box[3] for a, b, c, d in regions)


@settings(max_examples=50)
@given(st.tuples(*[st.integers(0, 999)] * 2, *[st.integers(1, 1000)] * 2), *[st.integers(1, 5000)] * 2)
def test_pixels_of_a_region_are_those_that_it_touches(
    numbers: tuple[int, int, int, int], width: int, height: int
) -> None:
    x, y, right, down = numbers
    region, size = (x, y, min(GRID, x + right), min(GRID, y + down)), Size(width, height)
    exact = from_grid(*region, size)
    x1, y1, x2, y2 = region_pixels(region, size)
    assert x1 <= exact.x1 < x1 + 1
    assert x2 - 1 < exact.x2 <= x2
    assert y1 <= exact.y1 < y1 + 1
    assert y2 - 1 < exact.y2 <= y2
    assert 0 <= x1 < x2 <= width
    assert 0 <= y1 < y2 <= height


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"views": "tiles"}, "views: 'tiles'"),
        ({"views": "global+tiles", "view_tiles": 1}, "view_tiles: 1"),
        ({"views": "global+tiles", "view_tiles": 4}, "view_most: 9 is less than the 16"),
        ({"view_size": 0}, "view_size: 0"),
        ({"view_pixels": -1}, "view_pixels: -1"),
        ({"view_overlap": 1.0}, "view_overlap: 1.0"),
        ({"view_overlap": float("nan")}, "view_overlap: nan"),
        ({"view_context": 0.5}, "view_context: 0.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ViewSettings(**changed).check_views()  # type: ignore[arg-type]
