import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    BOX_NOT_FINITE,
    BOX_NOT_FOUR_NUMBERS,
    IMAGE_EMPTY,
    REGION_UNREADABLE,
    REGION_WITHOUT_BOX,
    REGION_WITHOUT_LABEL,
)
from tests.prepare.sources.formats.drawn_source import boxes_in, write_pictures

Make = Callable[..., Any]
RECT = {"name": "rect", "x": 10, "y": 10, "width": 50, "height": 30}
IN_PIXELS = [10, 10, 60, 40]


def region(shape: Any, **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def entry(name: str, *regions: Any) -> dict[str, Any]:
    return {f"{name}99": {"filename": name, "size": 99, "regions": list(regions), "file_attributes": {}}}


def write(source: Path, content: Any) -> None:
    write_pictures(source / "images", ["0.png", "1.png"])
    (source / "via_export.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        (RECT, IN_PIXELS),
        ({"name": "circle", "cx": 50, "cy": 50, "r": 20.5}, [29.5, 29.5, 70.5, 70.5]),
        ({"name": "ellipse", "cx": 35, "cy": 25, "rx": 25, "ry": 15}, IN_PIXELS),
        ({"name": "ellipse", "cx": 35, "cy": 50, "rx": 25, "ry": 15, "theta": math.pi / 2}, [20, 25, 50, 75]),
        ({"name": "polygon", "all_points_x": [10, 40, 60], "all_points_y": [20, 10, 40]}, IN_PIXELS),
        ({"name": "polyline", "all_points_x": [10, 40, 60], "all_points_y": [20, 10, 40]}, IN_PIXELS),
    ],
)
def test_shapes(shape: Any, box: list[float], tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", entry("0.png", region(shape, kind="cat")))
    assert prepare_dataset(recipe_for("via")).dropped == {}
    (found,) = boxes_in(tmp_path / "dataset", ["0.png"])["0.png"]
    assert found[0] == "cat"
    assert found[1] == pytest.approx(box, abs=0.11)  # half a step of the grid


def test_projects_and_versions(tmp_path: Path, recipe_for: Make) -> None:
    first = entry("0.png", region(RECT, kind="cat"))
    old = {"1.png9": {"filename": "1.png", "regions": {"0": region(RECT, kind={"dog": True, "cat": False})}}}
    project = {"_via_settings": {}, "_via_img_metadata": first | old, "_via_attributes": {}}
    write(tmp_path / "source", project)
    prepare_dataset(recipe_for("via"))
    found = boxes_in(tmp_path / "dataset", ["0.png", "1.png"])
    assert found == {"0.png": [("cat", IN_PIXELS)], "1.png": [("dog", IN_PIXELS)]}


@pytest.mark.parametrize("mark", ["", "#"])
def test_csv(mark: str, tmp_path: Path, recipe_for: Make) -> None:
    write_pictures(tmp_path / "source", ["0.png", "1.png"])
    with (tmp_path / "source/via_export.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        header = ["file_size", "file_attributes", "region_count", "region_id"]
        writer.writerow([f"{mark}filename", *header, "region_shape_attributes", "region_attributes"])
        writer.writerow(["0.png", 99, "{}", 1, 0, json.dumps(RECT), json.dumps({"kind": "cat"})])
        writer.writerow(["1.png", 99, "{}", 0, 0, "{}", "{}"])
    assert prepare_dataset(recipe_for("via")).dropped == {IMAGE_EMPTY: 1}
    assert boxes_in(tmp_path / "dataset", ["0.png", "1.png"]) == {"0.png": [("cat", IN_PIXELS)]}


def test_the_attribute_that_is_the_label(tmp_path: Path, recipe_for: Make) -> None:
    write(
        tmp_path / "source", entry("0.png", region(RECT, kind="cat", color="red"), region(RECT, color="red"))
    )
    with pytest.raises(
        UserError, match=r"attributes 'kind', 'color': which one is the label\? Set source\.label"
    ):
        prepare_dataset(recipe_for("via"))
    card = prepare_dataset(recipe_for("via", {"label": "kind"}))
    assert card.dropped == {REGION_WITHOUT_LABEL: 1}
    assert card.recipe["source"]["label"] == "kind"
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", IN_PIXELS)]}
    with pytest.raises(UserError, match=r"source\.label kind there, color here"):
        prepare_dataset(recipe_for("via", {"label": "color"}))


def test_what_is_left_out_is_counted(tmp_path: Path, recipe_for: Make) -> None:
    shapes = [RECT, {"name": "point", "cx": 5, "cy": 5}, {"name": "star"}, {}]
    shapes += [RECT | {"x": "a"}, RECT | {"x": float("nan")}, RECT | {"x": None}]
    write(tmp_path / "source", entry("0.png", *(region(shape, kind="cat") for shape in shapes)))
    assert prepare_dataset(recipe_for("via")).dropped == {
        REGION_WITHOUT_BOX: 1,
        REGION_UNREADABLE: 2,
        BOX_NOT_FOUR_NUMBERS: 2,
        BOX_NOT_FINITE: 1,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "no object with an entry for each image: not a file of VIA"),
        ({"project": {}, "config": {}, "metadata": {}}, "a project of VIA 3"),
        ({"a": {"regions": []}}, "image 0: filename: a text is needed"),
        (entry("0.png", 5), r"0\.png, regions\[0\]: an object is needed, there is 5"),
    ],
)
def test_what_is_refused(content: Any, message: str, tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", content)
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe_for("via"))
