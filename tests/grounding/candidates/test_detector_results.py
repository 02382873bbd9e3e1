import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Box, Size
from grounding.candidates import results_file
from grounding.candidates.candidate_settings import INDEX_IDS
from grounding.candidates.detector_results import DetectedBox, DetectorResults
from grounding.candidates.results_file import read_detector_results
from grounding.categories import number_categories
from grounding.errors import UserError

CATEGORIES = number_categories(["cat", "dog"])
ROW = {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}
SIZE = Size(64, 48)
DOG = DetectedBox(Box(1, 2, 4, 6), "dog", 0.5)


def write(folder: Path, content: Any, name: str = "results.json") -> Path:
    (folder / name).write_text(json.dumps(content))
    return folder / name


def read(folder: Path, *rows: Any, **options: Any) -> DetectorResults:
    return read_detector_results([write(folder, list(rows))], CATEGORIES, **options)


def test_rows_are_found_by_id_and_by_name(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        ROW,
        ROW | {"image_id": "a_1"},
        {"file_name": "val/b.jpg", "label": "dog", "bbox": [1, 2, 3, 4]},
    )
    assert found.of(SIZE, 7) == (DOG,)
    assert found.of(SIZE, 8, "images/a_1.png") == (DOG,)
    assert found.of(SIZE, None, "b.jpg", "images/000.jpg") == (DetectedBox(DOG.box, "dog", None),)
    assert found.of(SIZE, 8, "c.jpg") is None
    assert found.unused_images == 0


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    found = read(tmp_path, *({**ROW, "file_name": f"{folder}/b.jpg"} for folder in "xy"))
    assert found.of(SIZE, None, "x/b.jpg") == (DOG,)
    with pytest.raises(UserError, match=r"several images are named b.jpg"):
        found.of(SIZE, None, "z/b.jpg")


def test_a_whole_coco_file_names_labels_and_images_itself(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 7, "file_name": "b.jpg"}],
        "categories": [{"id": 0, "name": "dog"}, {"id": 5, "name": "unicorn"}],
        "annotations": [ROW | {"category_id": 0}, ROW | {"category_id": 5}],
    }
    found = read_detector_results([write(tmp_path, content)], CATEGORIES)
    assert found.of(SIZE, None, "b.jpg") == (DOG,)
    assert found.faults == {results_file.UNKNOWN_LABEL: 1}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"bbox": [1, 2, 3]}, results_file.NOT_FOUR_NUMBERS),
        ({"bbox": [1, 2, 3, None]}, results_file.NOT_FOUR_NUMBERS),
        ({"bbox": [1, 2, 3, True]}, results_file.NOT_FOUR_NUMBERS),
        ({"bbox": "1 2 3 4"}, results_file.NOT_FOUR_NUMBERS),
        ({"bbox": [1, 2, 0, 4]}, results_file.WITHOUT_AREA),
        ({"bbox": [1, 2, -3, 4]}, results_file.WITHOUT_AREA),
        ({"category_id": 3}, results_file.UNKNOWN_LABEL),
        ({"category_id": [3]}, results_file.UNKNOWN_LABEL),
        ({"category_name": "cow"}, results_file.UNKNOWN_LABEL),
        ({"score": 1.5}, results_file.BAD_SCORE),
        ({"score": "high"}, results_file.BAD_SCORE),
        ({"score": 0.1}, results_file.LOW_SCORE),
    ],
)
def test_bad_rows_are_counted(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    found = read(tmp_path, ROW, ROW | change, min_score=0.2)
    assert found.of(SIZE, 7) == (DOG,)
    assert found.faults == {fault: 1}


@pytest.mark.parametrize(
    "change", [{"image_id": None}, {"image_id": " "}, {"image_id": 1.5}, {"image_id": True}]
)
def test_a_row_that_names_no_image_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"row 2: image_id .* names no image"):
        read(tmp_path, ROW, ROW | change)


def test_ids_that_count_from_zero_are_refused_until_they_are_stated(tmp_path: Path) -> None:
    rows = [ROW | {"category_id": 0}, ROW | {"category_id": 1}]
    with pytest.raises(UserError, match=r"category_id 0 .*candidates.ids=index"):
        read(tmp_path, *rows)
    labels = [item.label for item in read(tmp_path, *rows, ids=INDEX_IDS).of(SIZE, 7) or ()]
    assert labels == ["cat", "dog"]


@pytest.mark.parametrize("content", [7, [1], {"images": []}, {"annotations": [], "categories": [{"id": 1}]}])
def test_another_format_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UserError, match=r"results.json: "):
        read_detector_results([write(tmp_path, content)], CATEGORIES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"category_id": 90},
            r"row 1: category_id 90: candidate of an unknown label, .* labels are cat, dog: add",
        ),
        ({"category_name": "Dog"}, r"row 1: category_name 'Dog', category_id 2: .* labels are cat, dog: add"),
        (
            {"score": 80},
            r"row 1: bbox \[1, 2, 3, 4\], score 80: candidate has a score outside 0..1, as are 2 of 2",
        ),
        (
            {"score": 0.1},
            r"below candidates.min_score, as are 2 of 2 rows, and no row can be used: set a lower one",
        ),
        ({"bbox": [9, 9, -3, 4]}, r"row 1: bbox \[9, 9, -3, 4\], score 0.5: candidate is upside down"),
    ],
)
def test_a_file_of_which_no_row_can_be_used_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read(tmp_path, ROW | change, ROW | change | {"image_id": 8}, min_score=0.2)


corners = st.tuples(*[st.integers(0, 9) for _ in range(4)]).map(
    lambda ends: (6 * min(ends[:2]), 4 * min(ends[2:]), 6 * max(ends[:2]) + 10, 4 * max(ends[2:]) + 12)
)
FORMS: dict[str, Callable[[int, int, int, int], list[float]]] = {
    "xywh": lambda x1, y1, x2, y2: [x1, y1, x2 - x1, y2 - y1],
    "xyxy": lambda *box: [*box],
    "cxcywh": lambda x1, y1, x2, y2: [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1],
    "relative": lambda x1, y1, x2, y2: [x1 / 64, y1 / 48, (x2 - x1) / 64, (y2 - y1) / 48],
    "grid": lambda x1, y1, x2, y2: [
        1000 * x1 / 64,
        1000 * y1 / 48,
        1000 * (x2 - x1) / 64,
        1000 * (y2 - y1) / 48,
    ],
}


@pytest.mark.parametrize("form", FORMS)
@given(boxes=st.lists(corners, min_size=1, max_size=20))
def test_boxes_of_another_form_are_refused(
    tmp_path_factory: pytest.TempPathFactory, form: str, boxes: list[tuple[int, int, int, int]]
) -> None:
    # These tell the orders apart: read in another one, some reach out of the picture.
    boxes = [*boxes, (0, 0, 64, 48), (40, 30, 64, 48), (44, 32, 64, 48)]
    rows = [ROW | {"bbox": FORMS[form](*box)} for box in boxes]
    found = read(tmp_path_factory.mktemp("results"), *rows)
    assert len(found.of(SIZE, 7) or ()) == len(boxes)
    if form == "xywh":
        found.check_boxes()
    else:
        with pytest.raises(UserError, match=r"image 7: box .*write bbox as x, y, width, height in pixels"):
            found.check_boxes()


def test_boxes_of_other_images_say_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, ROW, ROW | {"image_id": 8, "bbox": [900, 900, 900, 900]})
    assert found.of(SIZE, 7) == (DOG,)
    found.check_boxes()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_detector_results([tmp_path / "none.json"], CATEGORIES)


def test_several_files_are_one(tmp_path: Path) -> None:
    paths = [write(tmp_path, [ROW]), write(tmp_path, [ROW | {"image_id": 8}], "more.json")]
    found = read_detector_results(paths, CATEGORIES)
    assert found.of(SIZE, 7) == found.of(SIZE, 8) == (DOG,)
    assert "+" in found.fingerprint


def test_names_of_any_kind_are_taken_without_categories(tmp_path: Path) -> None:
    path = write(tmp_path, [ROW | {"category_name": "unicorn"}])
    assert read_detector_results([path], ()).of(SIZE, 7) == (DetectedBox(DOG.box, "unicorn", 0.5),)
