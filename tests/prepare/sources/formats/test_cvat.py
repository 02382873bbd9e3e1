from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    BOX_NOT_FOUR_NUMBERS,
    BOX_UPSIDE_DOWN,
    IMAGE_IN_NO_SPLIT,
    IMAGE_MISSING,
    REGION_UNREADABLE,
    REGION_WITHOUT_BOX,
    REGION_WITHOUT_LABEL,
)
from tests.prepare.sources.formats.drawn_source import HEIGHT, WIDTH, boxes_in, write_pictures

Make = Callable[..., Any]
COMMON = 'label="cat" source="manual" occluded="0" z_order="0"'
BOX = f'<box {COMMON} xtl="10.00" ytl="10.00" xbr="60.00" ybr="40.00"></box>'
IN_PIXELS = [10, 10, 60, 40]


def image(number: int, *shapes: str, more: str = "", name: str = "") -> str:
    size = f'width="{WIDTH}" height="{HEIGHT}"'
    return f'<image id="{number}" name="{name or f"{number}.png"}" {size}{more}>{"".join(shapes)}</image>'


def write(source: Path, *images: str, count: int = 1) -> None:
    write_pictures(source / "images", [f"{number}.png" for number in range(count)])
    meta = "<meta><task><id>1</id><labels><label><name>cat</name></label></labels></task></meta>"
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}'
    (source / "annotations.xml").write_text(f"{text}{''.join(images)}</annotations>", encoding="utf-8")


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        (
            f'<box {COMMON} xtl="10" ytl="10" xbr="60" ybr="40"><attribute name="a"/></box>',
            IN_PIXELS,
        ),
        (f'<box {COMMON} xtl="10" ytl="20" xbr="50" ybr="40" rotation="90.0"/>', [20, 10, 40, 50]),
        (f'<polygon {COMMON} points="10.0,20.0;40.0,10.0;60.0,40.0"/>', IN_PIXELS),
        (f'<polyline {COMMON} points="10.0,20.0;40.0,10.0;60.0,40.0"/>', IN_PIXELS),
        (f'<ellipse {COMMON} cx="35" cy="25" rx="25" ry="15"/>', IN_PIXELS),
        (f'<ellipse {COMMON} cx="35" cy="50" rx="25" ry="15" rotation="90"/>', [20, 25, 50, 75]),
        (f'<mask {COMMON} rle="3, 4" left="10" top="10" width="50" height="30"/>', IN_PIXELS),
        (
            '<skeleton label="cat"><points label="1" outside="0" points="10,10"/>'
            '<points label="2" outside="0" points="60,40"/><points label="3" outside="1" points="90,90"/>'
            "</skeleton>",
            IN_PIXELS,
        ),
        (
            f'<cuboid {COMMON} xtl1="10" ytl1="12" xbl1="10" ybl1="40" xtr1="50" ytr1="12" xbr1="50" '
            'ybr1="38" '
            'xtl2="20" ytl2="10" xbl2="20" ybl2="36" xtr2="60" ytr2="10" xbr2="60" ybr2="35"/>',
            IN_PIXELS,
        ),
    ],
)
def test_shapes(shape: str, box: list[int], tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", image(0, shape))
    assert prepare_dataset(recipe_for("cvat")).dropped == {}
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", box)]}
    assert (tmp_path / "dataset/images/000000000000.png").is_file()  # CVAT's own id


def test_what_is_left_out_is_counted(tmp_path: Path, recipe_for: Make) -> None:
    shapes = [
        *[BOX] * 4,
        f'<points {COMMON} points="10,10"/>',
        '<tag label="day" source="manual"/>',
        f'<circle {COMMON} r="5"/>',
        BOX.replace('label="cat"', 'label=""'),
        BOX.replace("60.00", "word"),
        BOX.replace("60.00", "nan"),
        BOX.replace("60.00", "5.00"),
    ]
    write(tmp_path / "source", image(0, *shapes), image(1, BOX))
    card = prepare_dataset(recipe_for("cvat", max_bad_share=0.9))
    assert card.dropped == {
        REGION_WITHOUT_BOX: 2,
        REGION_UNREADABLE: 1,
        REGION_WITHOUT_LABEL: 1,
        BOX_NOT_FOUR_NUMBERS: 2,
        BOX_UPSIDE_DOWN: 1,
        IMAGE_MISSING: 1,
    }
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", IN_PIXELS)] * 4}


def test_subsets_are_splits(tmp_path: Path, recipe_for: Make) -> None:
    subsets = [
        image(n, BOX, more=f' subset="{name}" task_id="3"')
        for n, name in enumerate(("Train", "Validation", "Test"))
    ]
    write(tmp_path / "source", *subsets, count=3)
    assert prepare_dataset(recipe_for("cvat")).dropped == {IMAGE_IN_NO_SPLIT: 1}
    names = ["0.png", "1.png", "2.png"]
    assert list(boxes_in(tmp_path / "dataset", names)) == ["0.png"]
    assert list(boxes_in(tmp_path / "dataset", names, "val")) == ["1.png"]


def test_subsets_of_other_names_are_no_splits(tmp_path: Path, recipe_for: Make) -> None:
    images = [image(n, BOX, more=f' subset="{name}"') for n, name in enumerate(("default", "monday"))]
    write(tmp_path / "source", *images, count=2)
    assert prepare_dataset(recipe_for("cvat", val_ratio=0.0)).counts["train"]["images"] == 2


def test_names_in_sub_folders(tmp_path: Path, recipe_for: Make) -> None:
    names = ["a/0.png", "b/0.png"]
    write_pictures(tmp_path / "source/images", names)
    other = BOX.replace('"60.00"', '"90.00"')
    write(tmp_path / "source", image(0, BOX, name="a/0.png"), image(1, other, name="b/0.png"), count=0)
    prepare_dataset(recipe_for("cvat"))
    assert boxes_in(tmp_path / "dataset", names) == {
        "a/0.png": [("cat", IN_PIXELS)],
        "b/0.png": [("cat", [10, 10, 90, 40])],
    }


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            '<track id="0" label="cat"><box frame="0" xtl="1"/></track>',
            "tracks of a video: export the task as",
        ),
        (image(0, BOX).replace('width="200"', 'width="x"'), "image 0: width 'x', height '100'"),
        (image(0, BOX).replace("0.png", " "), "image 0: no name"),
        (image(0, BOX)[:80], r"annotations\.xml: not readable as XML"),
    ],
)
def test_what_is_refused(images: str, message: str, tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", images)
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe_for("cvat"))
    (tmp_path / "source/annotations.xml").write_text("<annotation/>")
    with pytest.raises(UserError, match="<annotation> in place of <annotations>: not XML of CVAT"):
        prepare_dataset(recipe_for("cvat"))
