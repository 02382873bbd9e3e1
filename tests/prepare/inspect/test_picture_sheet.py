"""The boxes on the sheet lie where the annotations put them."""

import io
from pathlib import Path

import pytest
from PIL import Image

from grounding.boxes import Size
from prepare.inspect.images_looked_at import ImageLookedAt
from prepare.inspect.picture_sheet import (
    CAPTION,
    COLORS,
    GAP,
    HEIGHT,
    WIDTH,
    choose_pictures,
    draw_sheet,
)
from prepare.questions.objects import ObjectReader
from prepare.source_types import PLAIN_BOXES, Annotation, Place, Query, RawObjects

READER = ObjectReader(PLAIN_BOXES, frozenset({"cat"}))


def looked_at(data: bytes, boxes: list[list[float]], size: Size, orientation: int = 1) -> ImageLookedAt:
    objects = RawObjects(boxes, ["cat"] * len(boxes), [None] * len(boxes))
    place = Place("train", Path("x"), 0)
    annotation = Annotation(1, "name", size, (Query(objects),), place, "here")
    return ImageLookedAt(annotation, data, size, orientation, "PNG")


def image_bytes(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (10, 10, 10)).save(file, "PNG")
    return file.getvalue()


def edges(sheet: Image.Image) -> tuple[int, int, int, int]:
    """Return the outermost pixels of the colour of the only label, below the line of the label itself."""
    found = [
        (x, y) for x in range(sheet.width) for y in range(sheet.height) if sheet.getpixel((x, y)) == COLORS[0]
    ]
    xs, ys = [x for x, _ in found], [y for _, y in found]
    return min(xs), min(ys), max(xs), max(ys)


@pytest.mark.parametrize("scale", [1, 4])
def test_a_box_lies_where_it_was_stated(scale: int) -> None:
    size = Size(WIDTH // scale, HEIGHT // scale)
    box = [100 / scale, 200 / scale, 300 / scale, 320 / scale]
    png = draw_sheet([looked_at(image_bytes(size.width, size.height), [box], size)], READER, "drop")
    sheet = Image.open(io.BytesIO(png))
    assert sheet.size == (WIDTH + 2 * GAP, HEIGHT + CAPTION + 2 * GAP)
    left, _, right, bottom = edges(sheet)
    assert (left, right, bottom) == (100 + GAP, 299 + GAP, 319 + GAP)


def test_nine_pictures_in_three_rows_and_no_more() -> None:
    size = Size(48, 36)
    images = [looked_at(image_bytes(48, 36), [[1, 1, 9, 9]] if n % 2 else [], size) for n in range(40)]
    chosen = choose_pictures(images)
    assert len(chosen) == 9
    assert all(image.annotation.queries[0].objects.boxes for image in chosen)
    sheet = Image.open(io.BytesIO(draw_sheet(chosen, READER, "drop")))
    assert sheet.size == (3 * (WIDTH + GAP) + GAP, 3 * (HEIGHT + CAPTION + GAP) + GAP)


def test_pictures_without_boxes_fill_what_is_left() -> None:
    size = Size(48, 36)
    images = [looked_at(image_bytes(48, 36), [[1, 1, 9, 9]] if n == 3 else [], size) for n in range(6)]
    assert [image.annotation.queries[0].objects.boxes != [] for image in choose_pictures(images)] == [
        True,
        *[False] * 5,
    ]


def test_a_picture_that_does_not_decode_leaves_its_place() -> None:
    broken = looked_at(image_bytes(48, 36)[:60], [[1, 1, 9, 9]], Size(48, 36))
    assert Image.open(io.BytesIO(draw_sheet([broken], READER, "drop"))).width == WIDTH + 2 * GAP
