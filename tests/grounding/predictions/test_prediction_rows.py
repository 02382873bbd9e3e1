"""Rows of predictions.jsonl that others wrote: each is read, or refused in one line."""

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.boxes import Box
from grounding.errors import UserError
from grounding.predictions.prediction_rows import (
    LARGEST_COORDINATE,
    Prediction,
    read_predictions,
    written_detection,
)
from grounding.samples import Detection

ROW: dict[str, Any] = {
    "image_id": 7,
    "image": "images/a.jpg",
    "width": 64,
    "height": 48,
    "question": "<image>Where?",
    "raw": "red(1,2),(3,4)",
    "detections": [{"label": "red", "box": [1, 2, 3.5, 4], "score": 0.5, "description": "a red one"}],
    "problems": ["truncated"],
}

PLACES = (
    *((key,) for key in ROW),
    ("detections", 0),
    *(("detections", 0, key) for key in ROW["detections"][0]),
)
PLACES_IN_A_BOX = (("detections", 0, "box", 0), ("detections", 0, "box", 3), ("problems", 0))

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.sampled_from(["\ud800", "1234", "../../etc/passwd", "/etc/passwd", 10**4000, 1e308]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def changed(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    row = copy.deepcopy(ROW)
    parent: Any = row
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    return row


def read(path: Path, row: dict[str, Any]) -> Prediction:
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (prediction,) = read_predictions(path)
    return prediction


@given(place=st.sampled_from((*PLACES, *PLACES_IN_A_BOX)), value=VALUES)
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_a_row_with_any_value_anywhere_is_read_or_refused(
    tmp_path: Path, place: tuple[Any, ...], value: Any
) -> None:
    path, prediction, refusal = tmp_path / "predictions.jsonl", None, ""
    try:
        prediction = read(path, changed(place, value))
    except UserError as error:
        refusal = str(error)
    if prediction is None:
        assert refusal.startswith(str(path))
        assert refusal.isprintable()
        assert len(refusal) < len(str(path)) + 300
        return
    assert type(prediction.image_id) is int
    texts = [prediction.image, prediction.question, prediction.raw, *prediction.problems]
    for found in prediction.detections:
        texts += [found.label, found.description or ""]
        assert all(type(number) is float and math.isfinite(number) for number in found.box.xyxy)
        assert math.isfinite(found.box.area)
        assert found.score is None or (type(found.score) is float and math.isfinite(found.score))
    assert all(isinstance(text, str) and text.encode("utf-8") is not None for text in texts)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("image_id",), True, "image_id True is not a whole number"),
        (("image_id",), "7", "image_id '7' is not a whole number"),
        (("detections",), "red", "detections is 'red', not a list"),
        (("detections",), {"label": "red"}, "detections is {'label': 'red'}, not a list"),
        (("detections", 0), [1, 2], r"a detection is \[1, 2\], not an object"),
        (("detections", 0, "box"), "1234", "box is '1234', not a list"),
        (("detections", 0, "box", 1), True, "a coordinate is True, not a number"),
        (("detections", 0, "box", 1), 10**400, "a coordinate is not finite"),
        (("detections", 0, "box", 1), -1e8, "a coordinate is more than 10000000 pixels"),
        (("detections", 0, "score"), "0.5", "score is '0.5', not a number"),
        (("detections", 0, "score"), math.nan, "score is not finite"),
        (("detections", 0, "description"), ["a"], r"description is \['a'\], not a text"),
        (("detections", 0, "label"), None, "label is None, not a text"),
        (("detections", 0, "label"), "\ud800", "half of a surrogate pair"),
        (("problems",), "truncated", "problems is 'truncated', not a list"),
        (("problems", 0), 5, "a problem is 5, not a text"),
        (("image",), "/etc/hostname", "image '/etc/hostname' is not inside the data set's folder"),
        (("image",), "images/../../a.jpg", "is not inside the data set's folder"),
        (("image",), "C:\\a.jpg", "is not inside the data set's folder"),
        (("raw",), ["a"], r"raw is \['a'\], not a text"),
    ],
)
def test_a_wrong_value_is_named_with_its_line(
    tmp_path: Path, place: tuple[Any, ...], value: Any, message: str
) -> None:
    with pytest.raises(UserError, match=f"predictions.jsonl, line 1: .*{message}"):
        read(tmp_path / "predictions.jsonl", changed(place, value))


def test_a_row_is_read_with_and_without_what_may_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    found = Detection("red", Box(1.0, 2.0, 3.5, 4.0), 0.5, description="a red one")
    assert written_detection(found) == ROW["detections"][0]
    assert read(path, ROW) == Prediction(
        7, (found,), ("truncated",), "images/a.jpg", "<image>Where?", "red(1,2),(3,4)"
    )
    small = {"image_id": 7, "detections": [{"label": "red", "box": [-1, 2, LARGEST_COORDINATE, 4]}]}
    assert read(path, small).detections[0].score is None
    assert "description" not in written_detection(read(path, small).detections[0])
    assert read(path, {**small, "image": None, "raw": None}).raw == ""


def test_answers_in_words_are_no_predictions_of_boxes(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    mark = {"box": [1, 2, 300, 400], "show": "text", "label": None, "phrases": ["a cat"]}
    rows = [{"image_id": 1, "detections": []}, {"image_id": 2, "detections": [], "region": mark}]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert [item.image_id for item in read_predictions(path)] == [1]


SEVERAL: dict[str, Any] = {
    **ROW,
    "pictures": [
        {"image_id": 7, "image": "images/a.jpg", "width": 64, "height": 48},
        {"image_id": 9, "image": "images/b.jpg", "width": 30, "height": 30},
        {"image_id": 8, "image": "images/a.jpg", "width": 64, "height": 48},
    ],
    "detections": [
        {"label": "red", "box": [1, 2, 3, 4], "picture": 2},
        {"label": "red", "box": [5, 6, 7, 8], "score": 0.5, "picture": 0},
        {"label": "blue", "box": [1, 2, 3, 4], "picture": 2},
    ],
}


def read_row(folder: Path, row: dict[str, Any]) -> list[Prediction]:
    path = folder / "predictions.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    return read_predictions(path)


def test_a_row_about_several_pictures_is_a_prediction_for_each(tmp_path: Path) -> None:
    first, second, third = read_row(tmp_path, SEVERAL)
    assert [(item.image_id, item.image, item.place) for item in (first, second, third)] == [
        (7, "images/a.jpg", 0),
        (9, "images/b.jpg", 1),
        (8, "images/a.jpg", 2),
    ]
    assert first.detections == (Detection("red", Box(5, 6, 7, 8), 0.5),)
    assert second.detections == ()
    assert third.detections == (Detection("red", Box(1, 2, 3, 4)), Detection("blue", Box(1, 2, 3, 4)))
    assert {item.together for item in (first, second, third)} == {(7, 9, 8)}
    assert [item.found_elsewhere for item in (first, second, third)] == [2, 3, 1]
    assert {item.problems for item in (first, second, third)} == {("truncated",)}
    assert second.is_readable  # objects are found in the other pictures
    nothing = read_row(tmp_path, {**SEVERAL, "detections": []})
    assert not any(item.is_readable for item in nothing)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"detections": [{"label": "red", "box": [1, 2, 3, 4]}]}, "needs `picture`, from 0"),
        ({"detections": [{"label": "red", "box": [1, 2, 3, 4], "picture": 3}]}, "after the last, which is 2"),
        ({"detections": [{"label": "red", "box": [1, 2, 3, 4], "picture": -1}]}, "not a whole number from 0"),
        ({"detections": [{"label": "red", "box": [1, 2, 3, 4], "picture": True}]}, "not a whole number"),
        ({"pictures": []}, "`pictures` needs an object"),
        ({"pictures": ["a.png"]}, "`pictures` needs an object"),
        ({"pictures": [{"image_id": 7}, {"image_id": 7}, {"image_id": 8}]}, "image_id of their own"),
        ({"pictures": [{"image_id": 9}, {"image_id": 7}, {"image_id": 8}]}, "the first that of the row"),
        ({"pictures": [{"image_id": 7}, {"image_id": "9"}, {"image_id": 8}]}, "image_id '9' is not a whole"),
        ({"pictures": [{"image_id": 7}, {}, {"image_id": 8}]}, "image_id"),
        (
            {"pictures": [{"image_id": 7}, {"image_id": 9, "image": "../b.jpg"}, {"image_id": 8}]},
            "is not inside the data set's folder",
        ),
    ],
)
def test_pictures_that_make_no_sense_are_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_row(tmp_path, {**SEVERAL, **changes})
    assert "line 1" in str(caught.value)


def test_a_box_of_another_picture_needs_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the row has no `pictures`"):
        read_row(tmp_path, {**ROW, "detections": [{"label": "a", "box": [1, 2, 3, 4], "picture": 1}]})
    path = tmp_path / "predictions.jsonl"
    path.write_text(f"{json.dumps(SEVERAL)}\n{json.dumps({**ROW, 'image_id': 9})}\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2: image_id 9 comes a second time"):
        read_predictions(path)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3)), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_written_detection_comes_back_in_its_picture(
    tmp_path: Path, found: list[tuple[str, int]]
) -> None:
    detections = [Detection(name, Box(n, 0, n + 1, 1), picture=at) for n, (name, at) in enumerate(found)]
    row = {
        "image_id": 1,
        "pictures": [{"image_id": number, "image": "a"} for number in (1, 2, 3, 4)],
        "detections": [written_detection(item, of_several=True) for item in detections],
    }
    back = [
        replace(item, picture=prediction.place)
        for prediction in read_row(tmp_path, row)
        for item in prediction.detections
    ]
    assert sorted(back, key=lambda item: item.box.x1) == detections


PLACES_OF_PICTURES = (
    ("pictures",),
    *(("pictures", place) for place in range(3)),
    *(("pictures", place, key) for place in range(3) for key in ("image_id", "image", "width")),
    *(("detections", place, "picture") for place in range(3)),
    ("image_id",),
)


@given(place=st.sampled_from(PLACES_OF_PICTURES), value=VALUES | st.integers(0, 9))
@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_pictures_with_any_value_anywhere_are_read_or_refused(
    tmp_path: Path, place: tuple[Any, ...], value: Any
) -> None:
    row = copy.deepcopy(SEVERAL)
    parent: Any = row
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    found, refusal = None, ""
    try:
        found = read_row(tmp_path, row)
    except UserError as error:
        refusal = str(error)
    if found is None:
        assert refusal.startswith(str(tmp_path / "predictions.jsonl"))
        assert refusal.isprintable()
        assert len(refusal) < len(str(tmp_path)) + 330
        return
    assert sum(len(item.detections) for item in found) == 3
    assert len({item.image_id for item in found}) == len(found)
    assert all(each.picture == 0 for item in found for each in item.detections)
    assert all(type(item.image_id) is int and ".." not in item.image for item in found)
