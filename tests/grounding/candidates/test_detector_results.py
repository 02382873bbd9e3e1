import json
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Box
from grounding.candidates import detector_results as results
from grounding.candidates.candidate_settings import INDEX_IDS
from grounding.candidates.detector_results import DetectedBox, read_detector_results
from grounding.categories import number_categories
from grounding.errors import UserError

CATEGORIES = number_categories(["cat", "dog"])
ROW = {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}
DOG = DetectedBox(Box(1, 2, 4, 6), "dog", 0.5)


def write(folder: Path, content: Any, name: str = "results.json") -> Path:
    (folder / name).write_text(json.dumps(content))
    return folder / name


def read(folder: Path, *rows: Any, **options: Any) -> results.DetectorResults:
    return read_detector_results([write(folder, list(rows))], CATEGORIES, **options)


def test_rows_are_found_by_id_and_by_name(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        ROW,
        ROW | {"image_id": "a_1"},
        {"file_name": "val/b.jpg", "label": "dog", "bbox": [1, 2, 3, 4]},
    )
    assert found.of(7) == (DOG,)
    assert found.of(8, "images/a_1.png") == (DOG,)
    assert found.of(None, "b.jpg", "images/000.jpg") == (DetectedBox(DOG.box, "dog", None),)
    assert found.of(8, "c.jpg") is None
    assert found.unused_images == 0


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    found = read(tmp_path, *({**ROW, "file_name": f"{folder}/b.jpg"} for folder in "xy"))
    assert found.of(None, "x/b.jpg") == (DOG,)
    with pytest.raises(UserError, match=r"several images are named b.jpg"):
        found.of(None, "z/b.jpg")


def test_a_whole_coco_file_names_labels_and_images_itself(tmp_path: Path) -> None:
    content = {
        "images": [{"id": 7, "file_name": "b.jpg"}],
        "categories": [{"id": 0, "name": "dog"}, {"id": 5, "name": "unicorn"}],
        "annotations": [ROW | {"category_id": 0}, ROW | {"category_id": 5}],
    }
    found = read_detector_results([write(tmp_path, content)], CATEGORIES)
    assert found.of(None, "b.jpg") == (DOG,)
    assert found.faults == {results.UNKNOWN_LABEL: 1}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"bbox": [1, 2, 3]}, results.NOT_FOUR_NUMBERS),
        ({"bbox": [1, 2, 3, None]}, results.NOT_FOUR_NUMBERS),
        ({"bbox": [1, 2, 3, True]}, results.NOT_FOUR_NUMBERS),
        ({"bbox": "1 2 3 4"}, results.NOT_FOUR_NUMBERS),
        ({"bbox": [1, 2, 0, 4]}, results.WITHOUT_AREA),
        ({"bbox": [1, 2, -3, 4]}, results.WITHOUT_AREA),
        ({"category_id": 3}, results.UNKNOWN_LABEL),
        ({"category_id": [3]}, results.UNKNOWN_LABEL),
        ({"category_name": "cow"}, results.UNKNOWN_LABEL),
        ({"score": 1.5}, results.BAD_SCORE),
        ({"score": "high"}, results.BAD_SCORE),
        ({"score": 0.1}, results.LOW_SCORE),
    ],
)
def test_bad_rows_are_counted(tmp_path: Path, change: dict[str, Any], fault: str) -> None:
    found = read(tmp_path, ROW, ROW | change, min_score=0.2)
    assert found.of(7) == (DOG,)
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
    labels = [item.label for item in read(tmp_path, *rows, ids=INDEX_IDS).of(7) or ()]
    assert labels == ["cat", "dog"]


@pytest.mark.parametrize("content", [7, [1], {"images": []}, {"annotations": [], "categories": [{"id": 1}]}])
def test_another_format_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(UserError, match=r"results.json: "):
        read_detector_results([write(tmp_path, content)], CATEGORIES)


def test_no_known_label_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no row has a label that the data set knows"):
        read(tmp_path, ROW | {"category_id": 90})


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_detector_results([tmp_path / "none.json"], CATEGORIES)


def test_several_files_are_one(tmp_path: Path) -> None:
    paths = [write(tmp_path, [ROW]), write(tmp_path, [ROW | {"image_id": 8}], "more.json")]
    found = read_detector_results(paths, CATEGORIES)
    assert found.of(7) == found.of(8) == (DOG,)
    assert "+" in found.fingerprint


def test_names_of_any_kind_are_taken_without_categories(tmp_path: Path) -> None:
    path = write(tmp_path, [ROW | {"category_name": "unicorn"}])
    assert read_detector_results([path], ()).of(7) == (DetectedBox(DOG.box, "unicorn", 0.5),)
