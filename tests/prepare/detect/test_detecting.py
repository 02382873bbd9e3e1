"""Detection with a detector that really finds something: rectangles of known colours."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from grounding.boxes import Size
from grounding.candidates.results_file import read_detector_results
from grounding.categories import number_categories
from grounding.errors import UserError
from prepare.detect.__main__ import main
from prepare.detect.detect_settings import DetectSettings
from prepare.detect.detector import open_detector
from prepare.detect.paddlex_detector import read_result

SOURCE = """
from pathlib import Path

import numpy as np

COLORS = {"red": (255, 0, 0), "blue": (0, 0, 255)}


def find(picture):
    with open(Path(__file__).with_name("looked.txt"), "a") as file:
        file.write("1")
    pixels = np.asarray(picture)
    for label, color in COLORS.items():
        rows, columns = np.nonzero((pixels == color).all(-1))
        if len(rows):
            corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            yield label, corners, 0.9 if label == "red" else 0.3


def broken(picture):
    raise RuntimeError("no weights")


def shares(picture):
    return [("red", [0.1, 0.2, 0.5, 0.6], 0.5)]


def sizes(picture):
    return [("red", [30, 2, 8, 6], 0.5)]


def larger(picture):
    return [("red", [60, 2, 90, 50], 0.5)]


def wrong(picture):
    return [("red", [1, 2, 3])]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures in two folders, two of them with the same content, and a file that is none."""
    (tmp_path / "images" / "more").mkdir(parents=True)
    for name, boxes in (
        ("1.png", {(255, 0, 0): (2, 3, 11, 9)}),
        ("more/2.png", {(255, 0, 0): (2, 3, 11, 9)}),
        ("3.png", {(0, 0, 255): (20, 5, 29, 14), (255, 0, 0): (0, 0, 4, 4)}),
    ):
        picture = Image.new("RGB", (40, 20), (9, 9, 9))
        for color, box in boxes.items():
            ImageDraw.Draw(picture).rectangle(box, color)
        picture.save(tmp_path / "images" / name)
    (tmp_path / "images" / "broken.png").write_bytes(b"no picture")
    (tmp_path / "finder.py").write_text(SOURCE)
    return tmp_path


def looked(folder: Path) -> int:
    return len((folder / "looked.txt").read_text())


def run(folder: Path, *words: str) -> list[dict[str, object]]:
    given = (f"detector={folder / 'finder.py'}:find", f"output={folder / 'found.json'}", *words)
    assert main([str(folder / "images"), *given]) == 0
    rows: list[dict[str, object]] = json.loads((folder / "found.json").read_text())
    return rows


def test_boxes_are_found_written_and_taken_as_candidates(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = run(folder)
    assert [(row["file_name"], row["category_name"], row["bbox"]) for row in rows] == [
        ("1.png", "red", [2, 3, 10, 7]),
        ("3.png", "red", [0, 0, 5, 5]),
        ("3.png", "blue", [20, 5, 10, 10]),
        ("more/2.png", "red", [2, 3, 10, 7]),
    ]
    assert (
        "4 boxes in 4 pictures, 1 of them looked at before; 1 files are no readable"
        in capsys.readouterr().out
    )
    results = read_detector_results([folder / "found.json"], number_categories(["red", "blue"]))
    assert [item.label for item in results.of(Size(64, 64), None, "images/3.png") or ()] == ["red", "blue"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shares", "has no number above 1, as has none of 3 boxes: let the detector return x1, y1, x2, y2"),
        ("sizes", "is upside down as xyxy, as are 3 of 3 boxes: all of them fit as xywh: let the detector"),
        (
            "larger",
            "of an image 40x20 reaches out of its image as xyxy in pixels, as do 3 of 3 boxes: let the",
        ),
    ],
)
def test_boxes_of_another_form_are_refused(folder: Path, name: str, message: str) -> None:
    words = [f"detector={folder / 'finder.py'}:{name}", f"output={folder / 'found.json'}"]
    with pytest.raises(UserError, match=rf"finder.py:{name}, 1.png: box .* {message}"):
        main([str(folder / "images"), *words])
    assert not (folder / "found.json").exists()


def test_each_content_is_looked_at_once(folder: Path) -> None:
    run(folder)
    assert looked(folder) == 2
    first = (folder / "found.json").read_bytes()
    run(folder)
    assert looked(folder) == 2
    assert (folder / "found.json").read_bytes() == first
    assert len(run(folder, "min_score=0.5")) == 3
    assert looked(folder) == 2
    (folder / "finder.py").write_text(SOURCE.replace("0.3", "0.4"))
    run(folder)
    assert looked(folder) == 4  # another detector


def test_an_interrupted_run_resumes(folder: Path) -> None:
    run(folder)
    whole = (folder / "found.json").read_bytes()
    cache = folder / "found.json.cache"
    lines = cache.read_text().splitlines(keepends=True)
    cache.write_text(lines[0] + lines[1][:20])
    (folder / "found.json").unlink()
    run(folder)
    assert looked(folder) == 3
    assert (folder / "found.json").read_bytes() == whole
    cache.write_text("something else\n")
    with pytest.raises(UserError, match=r"found.json.cache, line 1: not what this command keeps there"):
        run(folder)


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        ("finder.py:none", "no function 'none'"),
        ("none.py:find", "no such file"),
        ("finder.py:broken", "failed .RuntimeError: no weights"),
        ("finder.py:wrong", "found .*, and not .label"),
        ("finder", "neither a folder nor FILE.py:FUNCTION"),
        ("images", "inference.yml: no settings of a PaddleX model"),
    ],
)
def test_a_bad_detector_is_one_clear_line(folder: Path, detector: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        main([str(folder / "images"), f"detector={folder / detector}", f"output={folder / 'found.json'}"])
    assert not (folder / "found.json").exists()


def test_a_folder_without_pictures_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        main([str(folder / "none"), "detector=x.py:f"])
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match="no picture in it"):
        main([str(folder / "empty"), "detector=x.py:f"])


def test_a_paddlex_model_needs_paddlex(folder: Path) -> None:
    model = folder / "RT-DETR-L"
    model.mkdir()
    (model / "inference.yml").write_text("Global:\n  model_name: RT-DETR-L\n")
    with pytest.raises(UserError, match="make setup-paddlex"):
        open_detector(DetectSettings(detector=str(model)))


def test_a_result_of_paddlex_is_read() -> None:
    """The form is that of paddlex/inference/models/object_detection, 3.7.2."""
    box = {"cls_id": 0, "label": "red", "score": 0.91234, "coordinate": [1.5, 2.0, 3.0, 4.0]}
    (found,) = read_result({"input_path": None, "boxes": [box]}, "RT-DETR-L")
    assert (found.label, found.box.xyxy, found.score) == ("red", (1.5, 2.0, 3.0, 4.0), 0.9123)
    with pytest.raises(UserError, match="no model of object detection"):
        read_result({"masks": []}, "SAM")
    with pytest.raises(UserError, match="and not"):
        read_result({"boxes": [{**box, "coordinate": [1.0] * 8}]}, "rotated")
