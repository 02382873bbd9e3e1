"""VOC's XML files as tools write them."""

import math
from pathlib import Path

import pytest

from prepare.sources.parts.voc_xml import XmlImage, read_xml


def read(tmp_path: Path, inside: str, encoding: str = "utf-8") -> XmlImage:
    path = tmp_path / "a.xml"
    path.write_bytes(f"<annotation>{inside}</annotation>".encode(encoding))
    return read_xml(path)


def boxed(*corners: object, more: str = "") -> str:
    names = ("xmin", "ymin", "xmax", "ymax")
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in zip(names, corners, strict=False))
    return f"<object><name>cat</name>{more}<bndbox>{inside}</bndbox></object>"


def test_decimal_commas_and_blanks(tmp_path: Path) -> None:
    assert read(tmp_path, boxed("11,5", " 12.5\n", "1e2", "40")).boxes == ((11.5, 12.5, 100, 40),)


@pytest.mark.parametrize("corners", [(1, 2, 3), ("a", 2, 3, 4), ("inf", 2, 3, 4), ("nan", 1, 2, 3), ()])
def test_an_object_without_a_box_costs_that_object_alone(tmp_path: Path, corners: tuple[object, ...]) -> None:
    found = read(tmp_path, boxed(*corners) + boxed(1, 2, 3, 4))
    assert found.boxes == ((), (1, 2, 3, 4))
    assert found.labels == ("cat", "cat")


@pytest.mark.parametrize(("angle", "size"), [(0, (60, 20)), (math.pi / 2, (20, 60)), (math.pi, (60, 20))])
def test_a_rotated_box_gets_the_upright_box_around_it(
    tmp_path: Path, angle: float, size: tuple[int, int]
) -> None:
    sides = {"cx": 100, "cy": 50, "w": 60, "h": 20, "angle": angle}
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in sides.items())
    (box,) = read(tmp_path, f"<object><name>ship</name><robndbox>{inside}</robndbox></object>").boxes
    assert (box[2] - box[0], box[3] - box[1]) == pytest.approx(size)
    assert ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) == pytest.approx((100, 50))


def test_difficult_and_byte_order_marks(tmp_path: Path) -> None:
    marked = boxed(1, 2, 3, 4, more="<difficult> 1 </difficult>") + boxed(1, 2, 3, 4)
    assert read(tmp_path, marked, "utf-8-sig").marks == (True, False)


@pytest.mark.parametrize(
    "size", ["<width>inf</width><height>5</height>", "<width>0</width><height>5</height>", ""]
)
def test_a_size_that_no_image_has_is_left_to_the_image(tmp_path: Path, size: str) -> None:
    assert read(tmp_path, f"<size>{size}</size>").size is None
