import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    ANNOTATION_SUPERSEDED,
    BOX_NOT_FINITE,
    BOX_NOT_FOUR_NUMBERS,
    IMAGE_ONLY_PREDICTED,
    IMAGE_SKIPPED,
    REGION_ON_TURNED_VIEW,
    REGION_UNREADABLE,
    REGION_WITHOUT_BOX,
    REGION_WITHOUT_LABEL,
)
from tests.prepare.sources.formats.drawn_source import HEIGHT, WIDTH, boxes_in, write_pictures

Make = Callable[..., Any]
BOX: dict[str, Any] = {"x": 5, "y": 10, "width": 25, "height": 30, "rotation": 0}
IN_PIXELS = [10, 10, 60, 40]
SIZE = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}


def region(kind: str, value: dict[str, Any], labels: Any = ("cat",), **more: Any) -> dict[str, Any]:
    value = value | ({kind: list(labels)} if labels is not None else {})
    return {"id": "x1", "from_name": "label", "to_name": "image", "type": kind, "value": value} | SIZE | more


def annotation(*regions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 7, "completed_by": 1, "was_cancelled": False, "result": list(regions)} | more


def task(number: int, *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = {"image": f"/data/upload/4/{number}.png"}
    return {"id": number + 10, "annotations": list(annotations), "predictions": [], "data": data} | more


def write(source: Path, content: Any, images: int = 1) -> None:
    write_pictures(source / "images", [f"{number}.png" for number in range(images)])
    (source / "export.json").write_text(json.dumps(content))


def packed(mask: np.ndarray[Any, Any]) -> list[int]:
    """Return a mask as Label Studio packs it: every pixel's four bytes by themselves, without runs."""
    values = np.repeat(mask.ravel() * 255, 4)
    bits = f"{len(values):032b}" + f"{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    for start in range(0, len(values), 8):
        part = values[start : start + 8]
        if (part == part[0]).all():
            bits += f"100{len(part) - 1:03b}{part[0]:08b}"
        else:
            bits += f"000{len(part) - 1:03b}" + "".join(f"{value:08b}" for value in part)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


def brush() -> dict[str, Any]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:40, 10:60] = 1
    mask[10:20, 10:33] = 0
    return {"format": "rle", "rle": packed(mask)}


@pytest.mark.parametrize(
    ("kind", "value", "box"),
    [
        ("rectanglelabels", BOX, IN_PIXELS),
        # 50 x 30 pixels, turned by 90 degrees clockwise around the top left corner: it reaches to the left.
        ("rectanglelabels", BOX | {"x": 50, "rotation": 90}, [70, 10, 100, 60]),
        ("rectanglelabels", BOX | {"x": 50, "y": 50, "rotation": 180}, [50, 20, 100, 50]),
        ("polygonlabels", {"points": [[5, 20], [20, 10], [30, 40]]}, IN_PIXELS),
        ("ellipselabels", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 30, "rotation": 0}, [80, 20, 120, 80]),
        (
            "ellipselabels",
            {"x": 50, "y": 50, "radiusX": 10, "radiusY": 30, "rotation": 90},
            [70, 30, 130, 70],
        ),
        ("brushlabels", brush(), IN_PIXELS),
    ],
)
def test_shapes(kind: str, value: dict[str, Any], box: list[int], tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", [task(0, annotation(region(kind, value)))])
    assert prepare_dataset(recipe_for("label_studio")).dropped == {}
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", box)]}
    assert (tmp_path / "dataset/images/000000000010.png").is_file()  # the task's own id


def test_what_is_no_box_is_counted(tmp_path: Path, recipe_for: Make) -> None:
    good = region("rectanglelabels", BOX)
    results = [
        good,
        {"id": "x1", "type": "choices", "value": {"choices": ["day"]}},
        region("keypointlabels", {"x": 5, "y": 5, "width": 1}),
        {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"},
        region("rectangle", BOX, None, id="x2"),
        region("rectanglelabels", BOX, image_rotation=90),
        region("brushlabels", {"format": "rle", "rle": [1, 2, 3]}),
        region("rectanglelabels", BOX | {"x": "a"}),
        region("rectanglelabels", BOX | {"x": float("nan")}),
        region("rectanglelabels", BOX) | {"original_width": None},
    ]
    write(tmp_path / "source", [task(0, annotation(*results))])
    assert prepare_dataset(recipe_for("label_studio")).dropped == {
        REGION_WITHOUT_BOX: 3,
        REGION_WITHOUT_LABEL: 1,
        REGION_ON_TURNED_VIEW: 1,
        REGION_UNREADABLE: 2,
        BOX_NOT_FOUR_NUMBERS: 1,
        BOX_NOT_FINITE: 1,
    }
    assert boxes_in(tmp_path / "dataset", ["0.png"]) == {"0.png": [("cat", IN_PIXELS)]}


def test_a_region_whose_labels_are_in_a_second_result(tmp_path: Path, recipe_for: Make) -> None:
    results = [region("rectangle", BOX, None), region("labels", BOX, ["cat", "animal"])]
    write(tmp_path / "source", [task(0, annotation(*results))])
    assert prepare_dataset(recipe_for("label_studio")).dropped == {}
    found = boxes_in(tmp_path / "dataset", ["0.png"])["0.png"]
    assert found == [("cat", IN_PIXELS), ("animal", IN_PIXELS)]


def test_which_annotation_counts(tmp_path: Path, recipe_for: Make) -> None:
    cat, dog = (region("rectanglelabels", BOX, [label]) for label in ("cat", "dog"))
    prediction = {"id": 1, "model_version": "v1", "score": 0.9, "result": [dog]}
    content = [
        task(0, annotation(cat), predictions=[prediction]),
        task(1, annotation(cat, updated_at="2024-05-02"), annotation(dog, updated_at="2024-05-01")),
        task(2, annotation(cat, ground_truth=True), annotation(dog, updated_at="2024-05-01")),
        task(3, annotation(dog, was_cancelled=True), annotation(cat)),
        task(4, predictions=[prediction]),
        task(5, annotation(dog, was_cancelled=True)),
    ]
    write(tmp_path / "source", content, 6)
    dropped = prepare_dataset(recipe_for("label_studio")).dropped
    assert dropped == {ANNOTATION_SUPERSEDED: 2, IMAGE_ONLY_PREDICTED: 1, IMAGE_SKIPPED: 1}
    names = [f"{number}.png" for number in range(6)]
    found = boxes_in(tmp_path / "dataset", names)
    assert found == {name: [("cat", IN_PIXELS)] for name in names[:4]}


@pytest.mark.parametrize(
    "stated",
    [
        "/data/upload/4/1a2b3c4d-1.png",
        "/data/local-files/?d=images/1.png",
        "/data/local-files/?d=some%20where/images/1.png",
        "s3://bucket/set/1.png",
        "https://example.org/set/1.png?signature=abc",
        r"C:\photos\1.png",
        "images/1.png",
    ],
)
def test_image_names(stated: str, tmp_path: Path, recipe_for: Make) -> None:
    content = [task(0, annotation(region("rectanglelabels", BOX)), data={"image": stated, "city": "Rome"})]
    write(tmp_path / "source", content, 2)
    prepare_dataset(recipe_for("label_studio"))
    found = boxes_in(tmp_path / "dataset", ["0.png", "1.png"])
    assert found == {"1.png": [("cat", IN_PIXELS)]}


def test_other_exports(tmp_path: Path, recipe_for: Make) -> None:
    smaller = BOX | {"rectanglelabels": ["cat"], "original_width": WIDTH, "original_height": HEIGHT}
    write(tmp_path / "source", [{"image": "/data/upload/4/0.png", "id": 3, "label": [smaller]}], 2)
    stored = annotation(region("rectanglelabels", BOX), task={"id": 4, "data": {"image": "s3://b/1.png"}})
    (tmp_path / "source/stored.json").write_text(json.dumps(stored))
    prepare_dataset(recipe_for("label_studio"))
    found = boxes_in(tmp_path / "dataset", ["0.png", "1.png"])
    assert found == {name: [("cat", IN_PIXELS)] for name in ("0.png", "1.png")}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([5], r"export\.json: \[0\]: a task is needed, there is 5"),
        ([task(0, data={"text": "a"})], r"\[0\]\.data: which image is meant\? It has 'text'"),
        ([task(0, data={"a": "0.png", "b": "1.png"})], r"which image is meant\? It has 'a', 'b'"),
        ([task(0) | {"annotations": [5]}], r"\[0\]\.annotations: a list of objects is needed"),
        ([task(0, annotation(region("rectanglelabels", BOX, [[1]])))], r"\[0\]\.result\[0\]\.value: a text"),
    ],
)
def test_what_is_refused(content: Any, message: str, tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", content)
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe_for("label_studio"))


def test_truncated(tmp_path: Path, recipe_for: Make) -> None:
    write(tmp_path / "source", [task(0, annotation(region("rectanglelabels", BOX)))])
    file = tmp_path / "source/export.json"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match=r"export\.json: not readable as JSON"):
        prepare_dataset(recipe_for("label_studio"))


@pytest.mark.parametrize("spelling", ["{}", "../../secret.png", "/data/local-files/?d={}"])
def test_names_that_lead_outside(spelling: str, tmp_path: Path, recipe_for: Make) -> None:
    write_pictures(tmp_path, ["secret.png"])
    stated = spelling.format(tmp_path / "secret.png")
    content = [task(0, annotation(region("rectanglelabels", BOX)), data={"image": stated})]
    write(tmp_path / "source", content)
    with pytest.raises(UserError, match=r"secret\.png: lies outside source\.path, .*source\.outside=true"):
        prepare_dataset(recipe_for("label_studio"))
    assert not (tmp_path / "dataset").exists()


def test_two_uploads_of_one_name_are_no_guess(tmp_path: Path, recipe_for: Make) -> None:
    names = ("1a2b3c4d-0.png", "5e6f7a8b-0.png")
    tasks = [
        task(n, annotation(region("rectanglelabels", BOX)), data={"image": f"/data/upload/4/{name}"})
        for n, name in enumerate(names)
    ]
    write(tmp_path / "source", tasks)
    with pytest.raises(UserError, match=r"task 10 and .*task 11 both describe .*0\.png: keep one of them"):
        prepare_dataset(recipe_for("label_studio"))
