import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Size
from grounding.candidates.candidate_list import read_candidates
from grounding.candidates.candidate_settings import CandidateQuestions
from grounding.card import load_card
from grounding.errors import UserError
from grounding.record.checker import check_record
from grounding.record.contract import contract_of
from grounding.record.conversation import parse_record
from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from prepare.pipeline import prepare_dataset
from prepare.reasons import CANDIDATES_OF_OTHERS, RECORD_WITH_CANDIDATES
from prepare.recipe import PrepareRecipe
from prepare.report import describe_card
from prepare.sources.source_settings import SourceSettings

Make = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path, make_row: Make, write_rows: Make) -> Path:
    folder = tmp_path / "source"
    write_rows(folder / "train-00000-of-00001.parquet", [make_row(i) for i in range(1, 61)])
    write_rows(folder / "val-00000-of-00001.parquet", [make_row(i) for i in range(101, 107)])
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A good box of every image but 106, one with another label for each second image, and other images'."""
    rows = [
        {"image_id": i, "category_id": 1, "bbox": [4, 2, 16, 8], "score": 0.9}
        for i in (*range(1, 61), *range(101, 106), 900)
    ]
    rows += [{**row, "category_id": 2, "bbox": [22, 2, 10, 10], "score": 0.2} for row in rows[::2]]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(rows))
    return path


def rows_of(folder: Path, split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{split}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_a_data_set_with_candidates(
    answer_format: str,
    source: Path,
    results: Path,
    make_recipe: Make,
    tmp_path: Path,
    read_folder: Callable[[Path], dict[str, bytes]],
) -> None:
    recipe = make_recipe(
        source,
        answer_format=answer_format,
        total_samples=None,
        candidates=CandidateQuestions(str(results), scores=True),
    )
    card = prepare_dataset(recipe)
    folder = tmp_path / "dataset"
    contract = contract_of(load_card(folder))
    train, val = rows_of(folder, "train"), rows_of(folder, "val")
    assert [list(check_record(row, contract)) for row in (*train, *val)] == [[]] * 66
    without = sum(read_candidates(row) is None for row in train)
    assert 8 <= without <= 28  # 0.3 of 60, and where every candidate was left out
    for row in val:  # as the detector has found them
        listed = read_candidates(row)
        if row["images"] == ["images/000000000106.png"]:
            assert listed is None
            continue
        assert listed is not None
        assert (0.9, (100, 100, 500, 500)) in [(item.score, item.box) for item in listed.items]
        (found,) = parse_record(row).read_answers(Size(40, 20)).detections
        assert (found.label, found.box.xyxy) == ("cat", (4.0, 2.0, 20.0, 10.0))
        assert row["messages"][-1]["content"].count("bbox") == 0  # a number alone
    counts = card.counts["val"]
    ceiling = [counts[f"candidate_{name}"] for name in ("objects", "found", "found_any", "images_missing")]
    assert ceiling == [6, 5, 5, 1]
    assert card.dropped[CANDIDATES_OF_OTHERS] == 1
    assert "83.3% (any label 83.3%)" in describe_card(card)
    assert str(results) not in (folder / "card.json").read_text()
    first = read_folder(folder)
    prepare_dataset(dataclasses.replace(recipe, output_dir=str(tmp_path / "again")))
    assert read_folder(tmp_path / "again") == first


def test_the_candidates_of_other_images_are_refused(source: Path, make_recipe: Make, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps([{"image_id": 5000, "category_id": 1, "bbox": [1, 2, 3, 4]}]))
    recipe = make_recipe(source, total_samples=None, candidates=CandidateQuestions(str(path)))
    with pytest.raises(UserError, match=r"none of the data set's images .*5000"):
        prepare_dataset(recipe)
    assert not (tmp_path / "dataset" / "card.json").exists()


def test_boxes_of_another_form_are_refused(source: Path, make_recipe: Make, tmp_path: Path) -> None:
    path = tmp_path / "corners.json"
    rows = [{"image_id": i, "category_id": 1, "bbox": [22, 6, 30, 20]} for i in range(1, 61)]
    path.write_text(json.dumps(rows))
    recipe = make_recipe(source, total_samples=None, candidates=CandidateQuestions(str(path)))
    with pytest.raises(UserError, match="all of them fit as xyxy: write bbox as x, y, width, height"):
        prepare_dataset(recipe)
    assert not (tmp_path / "dataset" / "card.json").exists()


@pytest.mark.parametrize(("scale", "finds"), [(1.0, True), (0.5, False)])
def test_a_detector_that_finds_nearly_nothing_is_named(
    scale: float,
    finds: bool,
    source: Path,
    results: Path,
    make_recipe: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = json.loads(results.read_text())
    results.write_text(
        json.dumps([{**row, "bbox": [scale * number for number in row["bbox"]]} for row in rows])
    )
    prepare_dataset(make_recipe(source, total_samples=None, candidates=CandidateQuestions(str(results))))
    assert ("at their original size?" in caplog.text) is not finds


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"file": 7}, "candidates.file"),
        ({"file": []}, "candidates.file"),
        ({"file": ["a", "a"]}, "candidates.file"),
        ({"file": "a", "ids": "names"}, "candidates.ids"),
        ({"file": "a", "jitter": 1.5}, "candidates.jitter"),
        ({"file": "a", "without": 1}, "candidates.without"),
        ({"file": "a", "dropped": 1}, "candidates.dropped"),
        ({"file": "a", "most": 0}, "candidates.most"),
        ({"file": "a", "good": 0.4}, "candidates.good"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], name: str, make_recipe: Make) -> None:
    with pytest.raises(ValueError, match=name):
        make_recipe(candidates=CandidateQuestions(**settings))


def test_what_does_not_go_with_candidates_is_refused(make_recipe: Make) -> None:
    with pytest.raises(ValueError, match=r"descriptions or candidates.file"):
        make_recipe(candidates=CandidateQuestions("a"), descriptions=True)


def test_boxes_of_a_detector_are_not_exported_as_the_sources(
    source: Path, results: Path, make_recipe: Make, tmp_path: Path
) -> None:
    prepare_dataset(
        make_recipe(source, total_samples=None, candidates=CandidateQuestions(str(results), without=0))
    )
    with pytest.raises(UserError, match=r"prepare the data set without candidates.file"):
        export_dataset(tmp_path / "dataset", ExportSettings("coco_json", str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()
    export_dataset(tmp_path / "dataset", ExportSettings("sharegpt", str(tmp_path / "out")))


def test_records_that_list_candidates_are_not_prepared_again(
    source: Path, results: Path, make_recipe: Make, tmp_path: Path
) -> None:
    prepare_dataset(make_recipe(source, total_samples=None, candidates=CandidateQuestions(str(results))))
    again = PrepareRecipe(
        output_dir=str(tmp_path / "again"),
        source=SourceSettings(kind="records", path=str(tmp_path / "dataset")),
        total_samples=None,
        categories=["cat", "dog"],
    )
    card = prepare_dataset(again)
    listed = sum(
        read_candidates(row) is not None
        for split in ("train", "val")
        for row in rows_of(tmp_path / "dataset", split)
    )
    assert card.dropped[RECORD_WITH_CANDIDATES] == listed
    assert all(read_candidates(row) is None for row in rows_of(tmp_path / "again", "train"))
