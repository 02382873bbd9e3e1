import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.settings.question_settings import CalibrationPart
from prepare.stats.__main__ import main, write_stats

Make = Callable[..., Any]


@pytest.fixture
def dataset(tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make) -> Path:
    cat, speck = (0, [0.0, 0.0, 20.0, 20.0], 400.0), (1, [4.0, 2.0, 4.4, 2.4], 0.16)
    rows = [make_row(1, objects=[cat]), make_row(2, objects=[cat, speck, cat]), make_row(3, objects=[])]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", rows)
    write_rows(tmp_path / "source/val-00000-of-00001.parquet", [make_row(9, objects=[speck])])
    prepare_dataset(make_recipe(total_samples=None, categories=["cat", "杯子"], max_bad_share=1.0))
    return tmp_path / "dataset"


def test_counts_and_picture(dataset: Path) -> None:
    picture = write_stats(dataset)
    stats = json.loads((dataset / "stats.json").read_text(encoding="utf-8"))
    train = stats["splits"]["train"]
    assert (train["images"], train["records"], train["boxes"]) == (2, 2, 4)
    assert train["boxes_per_record"] == {"1": 1, "3": 1}
    assert train["categories"] == {"cat": 3, "杯子": 1}
    # A cat is 500 x 1000 steps of the grid, a cup 10 x 20.
    assert {edge: number for edge, number in train["box_sizes_on_grid"].items() if number} == {
        "8": 1,
        "512": 3,
    }
    length = len("<|object_ref_start|>cat<|object_ref_end|><|box_start|>(0,0),(500,1000)<|box_end|>")
    assert train["answer_characters"]["percentiles"]["50"] == length
    assert stats["dropped"] == {"image has no annotated objects": 1}
    first = picture.read_bytes()
    with Image.open(picture) as image:
        assert image.size == (1500, 1000)
    assert write_stats(dataset).read_bytes() == first


def test_yes_no_questions_are_counted_by_themselves(dataset: Path) -> None:
    write_stats(dataset)
    before = json.loads((dataset / "stats.json").read_text(encoding="utf-8"))
    picture = (dataset / "stats.png").read_bytes()
    lines = (dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[0])
    del row["objects"]
    row["messages"][-1]["content"] = "Yes"
    marked = json.dumps(row | {"yes_no": "truth", "images": ["images/yes_no_1.png"]})
    (dataset / "train.jsonl").write_text("\n".join([marked, *lines]), encoding="utf-8")
    write_stats(dataset)
    after = json.loads((dataset / "stats.json").read_text(encoding="utf-8"))
    assert after["splits"]["train"].pop("yes_no") == 1
    before["splits"]["train"]["records"] += 1
    assert after == before
    assert (dataset / "stats.png").read_bytes() != picture


def test_questions_for_words_are_counted_by_themselves(dataset: Path) -> None:
    write_stats(dataset)
    before = json.loads((dataset / "stats.json").read_text(encoding="utf-8"))
    lines = (dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()
    row = json.loads(lines[0])
    del row["objects"]
    row["messages"][-1]["content"] = "the cat"
    mark = {"box": [1, 2, 3, 4], "show": "blur", "label": None, "phrases": ["the cat"]}
    words = json.dumps(row | {"region": mark, "images": ["images/region_1.png"]})
    (dataset / "train.jsonl").write_text("\n".join([words, *lines, words]), encoding="utf-8")
    write_stats(dataset)
    after = json.loads((dataset / "stats.json").read_text(encoding="utf-8"))
    assert after["splits"]["train"].pop("region") == 2
    before["splits"]["train"]["records"] += 2
    assert after == before


def test_chinese_labels_are_drawn_in_a_font_that_has_them(
    dataset: Path, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("mplfonts")
    assert main([str(dataset)]) == 0
    assert [str(warning.message) for warning in recwarn if "Glyph" in str(warning.message)] == []
    assert "findfont" not in caplog.text


def test_a_line_that_is_no_record(dataset: Path) -> None:
    (dataset / "val.jsonl").write_text('{"images": []}\n')
    with pytest.raises(UserError, match=r"val\.jsonl, line 1: not a training record.*prepare\.check"):
        write_stats(dataset)


def test_a_calibration_part_is_counted_by_itself(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", [make_row(i) for i in range(1, 11)])
    prepare_dataset(make_recipe(calibration=CalibrationPart(0.25)))
    write_stats(tmp_path / "dataset")
    stats = json.loads((tmp_path / "dataset/stats.json").read_text(encoding="utf-8"))
    counted = {split: counts["images"] for split, counts in stats["splits"].items()}
    assert counted == {"train": 6, "val": 2, "calibration": 2}
