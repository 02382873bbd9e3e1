"""Annotations of a data set can come from a stranger: values of another type are named, and never used."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.predictions.annotations import read_annotations

IMAGE = {"id": 1, "file_name": "images/1.png", "width": 40, "height": 20}
OBJECT = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2.5, 3, 4], "area": 12.0, "iscrowd": 0}


def write(path: Path, **changes: Any) -> Path:
    content = {"images": [IMAGE], "annotations": [OBJECT], "categories": [{"id": 1, "name": "cup"}]}
    path.write_text(json.dumps(content | changes))
    return path


def test_good_annotations_are_returned_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", info={"year": 2017})
    assert read_annotations(path) == json.loads(path.read_text())


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"images": {}}, "images"),
        ({"images": [IMAGE, {"id": [2]}]}, "images[1].id"),
        ({"images": [IMAGE, {"id": "2"}]}, "images: some ids are numbers and some are texts"),
        ({"images": [{"file_name": "a.png"}]}, "images[0].id"),
        ({"images": [IMAGE | {"file_name": None}]}, "images[0].file_name"),
        ({"images": [IMAGE | {"width": "40"}]}, "images[0].width"),
        ({"images": [IMAGE | {"width": 10**400}]}, "images[0]: width"),
        ({"images": [IMAGE | {"height": -1}]}, "images[0]: width"),
        ({"annotations": [OBJECT | {"bbox": "1234"}]}, "annotations[0].bbox"),
        ({"annotations": [OBJECT | {"bbox": [1, 2, 3]}]}, "annotations[0].bbox"),
        ({"annotations": [OBJECT | {"bbox": [1, 2, 3, [4]]}]}, "annotations[0].bbox"),
        ({"annotations": [OBJECT | {"bbox": [1, 2, 3, float("nan")]}]}, "annotations[0].bbox"),
        ({"annotations": [OBJECT | {"bbox": [1, 2, 3, 10**400]}]}, "annotations[0].bbox"),
        ({"annotations": [OBJECT | {"area": float("inf")}]}, "annotations[0].area"),
        ({"annotations": [OBJECT | {"image_id": {}}]}, "annotations[0].image_id"),
        ({"categories": [{"id": None}]}, "categories[0].id"),
    ],
    ids=str,
)
def test_other_types_are_named(tmp_path: Path, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(UserError, match=rf"x\.json: (no )?{re.escape(place)}.*not COCO annotations"):
        read_annotations(write(tmp_path / "x.json", **changes))
