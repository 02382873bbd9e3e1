"""The step on tiny sources: drops, refills, damaged input, killed runs, folders that hold something else."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grounding.card import load_card
from grounding.errors import UserError
from prepare.draw import draw_rank
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    BOX_NO_AREA_ON_GRID,
    BOX_NOT_FINITE,
    BOX_OUTSIDE,
    BOX_UNKNOWN_CATEGORY,
    BOX_UPSIDE_DOWN,
    IMAGE_DOES_NOT_DECODE,
    IMAGE_EMPTY,
    IMAGE_SIZE_DIFFERS,
    IMAGE_TURNED,
    IMAGE_TWICE,
)
from prepare.settings.question_settings import CalibrationPart, Negatives
from prepare.sources.source_settings import SourceSettings

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "prepare"
GOOD = (0, [4.0, 2.0, 20.0, 10.0], 128.0)

Make = Callable[..., Any]


@pytest.fixture
def source(tmp_path: Path, make_row: Make, write_rows: Make) -> Path:
    """Twenty training and ten validation images."""
    folder = tmp_path / "source"
    write_rows(folder / "train-00000-of-00001.parquet", [make_row(i) for i in range(1, 21)])
    write_rows(folder / "val-00000-of-00001.parquet", [make_row(i) for i in range(101, 111)])
    return folder


def ids(path: Path) -> list[int]:
    return [int(Path(json.loads(line)["images"][0]).stem) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_golden_bytes(
    answer_format: str, make_recipe: Make, tmp_path: Path, read_folder: Callable[[Path], dict[str, bytes]]
) -> None:
    prepare_dataset(make_recipe(GOLDEN / "source", answer_format=answer_format, total_samples=None))
    assert read_folder(tmp_path / "dataset") == read_folder(GOLDEN / answer_format)


def test_records_are_in_the_order_of_the_draw(source: Path, make_recipe: Make, tmp_path: Path) -> None:
    prepare_dataset(make_recipe(seed=5))
    assert ids(tmp_path / "dataset/train.jsonl") == sorted(range(1, 21), key=lambda i: draw_rank(5, i))[:8]
    assert ids(tmp_path / "dataset/val.jsonl") == sorted(range(101, 111), key=lambda i: draw_rank(5, i))[:2]


def test_without_validation_files_both_splits_are_cut_from_training(
    source: Path, make_recipe: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (source / "val-00000-of-00001.parquet").unlink()
    with caplog.at_level("INFO"):
        prepare_dataset(make_recipe())
    train, val = (ids(tmp_path / f"dataset/{split}.jsonl") for split in ("train", "val"))
    assert val + train == sorted(range(1, 21), key=lambda i: draw_rank(42, i))[:10]
    assert len(val) == 2
    assert "both cut from source.train_files" in caplog.text


def test_a_validation_file_is_never_training_too(source: Path, make_recipe: Make, tmp_path: Path) -> None:
    place = SourceSettings(hub="local", path=str(source), train_files="*.parquet")
    card = prepare_dataset(dataclasses.replace(make_recipe(total_samples=None), source=place))
    assert card.dropped == {}
    assert sorted(ids(tmp_path / "dataset/train.jsonl")) == list(range(1, 21))


def test_unusable_images_are_counted_and_replaced(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make, png: Make
) -> None:
    first = sorted(range(1, 21), key=lambda i: draw_rank(42, i))
    jpeg = png(40, 20, "JPEG", quality=95)
    faults = {
        first[0]: {"image": {"bytes": b"not an image", "path": None}},
        first[1]: {"image": {"bytes": jpeg[:-20], "path": None}},
        first[2]: {"width": 41},
        first[3]: {"objects": []},
        first[4]: {"image": {"bytes": None, "path": "elsewhere.jpg"}},
    }
    rows = [make_row(i, **faults.get(i, {})) for i in range(1, 21)]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", [*rows, make_row(first[9])])
    card = prepare_dataset(make_recipe(val_ratio=0.0, max_bad_share=0.5))
    assert ids(tmp_path / "dataset/train.jsonl") == first[5:15]
    assert card.dropped == {
        IMAGE_DOES_NOT_DECODE: 3,
        IMAGE_SIZE_DIFFERS: 1,
        IMAGE_TWICE: 1,
        IMAGE_EMPTY: 1,
    }
    assert (tmp_path / "dataset/val.jsonl").read_bytes() == b""


def test_an_image_of_both_splits_stays_in_val(
    source: Path, make_row: Make, write_rows: Make, make_recipe: Make, tmp_path: Path
) -> None:
    write_rows(source / "train-00000-of-00001.parquet", [make_row(i) for i in (1, 2, 105)])
    card = prepare_dataset(make_recipe(total_samples=None))
    assert sorted(ids(tmp_path / "dataset/train.jsonl")) == [1, 2]
    assert 105 in ids(tmp_path / "dataset/val.jsonl")
    assert card.dropped == {IMAGE_TWICE: 1}


def test_boxes_are_dropped_clipped_and_kept_for_scoring(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    objects = [
        GOOD,
        (0, [float("nan"), 2.0, 20.0, 10.0], 1.0),
        (0, [4.0, 2.0, float("inf"), 10.0], 1.0),
        (0, [20.0, 10.0, 4.0, 2.0], 1.0),
        (0, [50.0, 2.0, 60.0, 10.0], 1.0),
        (2, [4.0, 2.0, 20.0, 10.0], 1.0),
        (1, [-3.0, 2.0, 20.0, 10.5], 77.0),
        (1, [10.0, 10.0, 10.01, 15.0], 5.0),
    ]
    folder = tmp_path / "source"
    write_rows(folder / "train-00000-of-00001.parquet", [make_row(1)])
    write_rows(folder / "val-00000-of-00001.parquet", [make_row(2, objects=objects)])
    card = prepare_dataset(make_recipe(total_samples=None))
    assert card.dropped == {
        BOX_NO_AREA_ON_GRID: 1,
        BOX_NOT_FINITE: 2,
        BOX_OUTSIDE: 1,
        BOX_UNKNOWN_CATEGORY: 1,
        BOX_UPSIDE_DOWN: 1,
    }
    assert card.counts["val"] == {
        "images": 1,
        "boxes": 3,
        "boxes_in_answers": 2,
        "boxes_clipped": 1,
        "records": 1,
    }
    record = json.loads((tmp_path / "dataset/val.jsonl").read_text())
    assert record["objects"] == {"ref": ["cat", "dog"], "bbox": [[100, 100, 500, 500], [0, 100, 500, 525]]}
    truth = json.loads((tmp_path / "dataset/annotations_val.json").read_text())
    assert [row["bbox"] for row in truth["annotations"]][:2] == [[4, 2, 16, 8], [0, 2, 20, 8.5]]
    assert [row["area"] for row in truth["annotations"]] == [128.0, 77.0, 5.0]
    assert [row["category_id"] for row in truth["annotations"]] == [1, 2, 2]


def test_an_image_turned_by_exif_is_refused(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make, png: Make
) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    turned = make_row(1, image={"bytes": png(40, 20, "JPEG", exif=exif.tobytes()), "path": None})
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", [turned, make_row(2)])
    assert prepare_dataset(make_recipe(total_samples=2, val_ratio=0.0)).dropped == {IMAGE_TURNED: 1}


def test_header_verification_lets_truncated_images_pass(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make, png: Make
) -> None:
    cut = make_row(1, image={"bytes": png(40, 20, "JPEG")[:-20], "path": None})
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", [cut])
    card = prepare_dataset(make_recipe(total_samples=1, val_ratio=0.0, verify="header"))
    assert card.counts["train"]["images"] == 1
    assert [path.suffix for path in (tmp_path / "dataset/images").iterdir()] == [".jpg"]


def test_no_usable_image_is_an_error(
    tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make
) -> None:
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", [make_row(1, objects=[])])
    with pytest.raises(
        UserError, match=r"no usable training image; dropped: image has no annotated objects \(1\)"
    ):
        prepare_dataset(make_recipe())
    assert not (tmp_path / "dataset").exists()


def test_a_finished_data_set_is_left_alone(source: Path, make_recipe: Make, tmp_path: Path) -> None:
    card = prepare_dataset(make_recipe())
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "dataset").rglob("*")}
    assert prepare_dataset(make_recipe()) == card == load_card(tmp_path / "dataset")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "dataset").rglob("*")} == times


def test_a_lost_image_is_written_again(
    source: Path, make_recipe: Make, tmp_path: Path, read_folder: Make
) -> None:
    prepare_dataset(make_recipe())
    before = read_folder(tmp_path / "dataset")
    next((tmp_path / "dataset/images").iterdir()).unlink()
    prepare_dataset(make_recipe())
    assert read_folder(tmp_path / "dataset") == before


def test_another_data_set_is_refused_and_can_be_overwritten(
    source: Path, make_recipe: Make, tmp_path: Path, read_folder: Make
) -> None:
    folder = tmp_path / "dataset"
    prepare_dataset(make_recipe())
    (folder / "notes.txt").write_text("mine")
    (folder / "images/holiday.jpg").write_text("mine too")
    (folder / "token_lengths.json").write_text("a training's")
    with pytest.raises(UserError, match=r"holds another data set \(seed 42 there, 7 here\).*overwrite=true"):
        prepare_dataset(make_recipe(seed=7))
    prepare_dataset(make_recipe(seed=7, overwrite=True))
    files = read_folder(folder)
    assert files.pop("notes.txt") == b"mine"
    assert files.pop("images/holiday.jpg") == b"mine too"
    prepare_dataset(make_recipe(seed=7, output_dir=str(tmp_path / "fresh")))
    assert files == read_folder(tmp_path / "fresh")


def test_changed_source_files_are_another_data_set(
    source: Path, make_recipe: Make, make_row: Make, write_rows: Make
) -> None:
    prepare_dataset(make_recipe())
    write_rows(source / "train-00000-of-00001.parquet", [make_row(i) for i in range(1, 22)])
    with pytest.raises(UserError, match="other source files"):
        prepare_dataset(make_recipe())


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_somebody_else_is_refused(
    source: Path, make_recipe: Make, tmp_path: Path, overwrite: bool
) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset/thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds thesis\.tex and is not a prepared data set"):
        prepare_dataset(make_recipe(overwrite=overwrite))


def test_damaged_sources_name_the_file(
    source: Path, make_recipe: Make, make_row: Make, write_rows: Make
) -> None:
    path = source / "train-00000-of-00001.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"train-00000-of-00001\.parquet: not a whole parquet file"):
        prepare_dataset(make_recipe())
    path.write_bytes(whole)
    pq.write_table(
        pa.table({"image_id": [1], "image": [{"path": "x"}], "objects": [{"bbox": [[1.0]]}]}), path
    )
    with pytest.raises(UserError, match=r"no column image\.bytes, objects\.category: "):
        prepare_dataset(make_recipe())


def test_missing_sources_say_what_is_there(source: Path, make_recipe: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"source\.path: .*/nowhere: no such folder"):
        prepare_dataset(make_recipe(tmp_path / "nowhere"))
    (source / "train-00000-of-00001.parquet").rename(source / "train-00000-of-00003.parquet")
    with pytest.raises(UserError, match="1 of 3 files are there"):
        prepare_dataset(make_recipe())
    (source / "train-00000-of-00003.parquet").unlink()
    with pytest.raises(UserError, match=r"matches '\*\*/train-\*\.parquet'; there are 1 files: val-00000"):
        prepare_dataset(make_recipe())


def parts(folder: Path) -> dict[str, list[int]]:
    return {split: ids(folder / f"{split}.jsonl") for split in ("train", "val", "calibration")}


@pytest.mark.parametrize("own_val", [True, False])
def test_a_calibration_part_is_taken_out_of_the_training_images(
    source: Path, make_recipe: Make, tmp_path: Path, own_val: bool
) -> None:
    if not own_val:
        (source / "val-00000-of-00001.parquet").unlink()
    plain = prepare_dataset(make_recipe())
    folder = tmp_path / "calibrated"
    card = prepare_dataset(make_recipe(calibration=CalibrationPart(0.25), output_dir=str(folder)))
    whole, found = ids(tmp_path / "dataset/train.jsonl"), parts(folder)
    assert found["calibration"] + found["train"] == whole
    assert len(found["calibration"]) == 2
    assert found["val"] == ids(tmp_path / "dataset/val.jsonl")
    assert list(card.counts) == ["train", "val", "calibration"]
    assert (card.counts["train"]["images"], card.counts["calibration"]["boxes"]) == (6, 2)
    assert "calibration" not in plain.recipe
    assert card.recipe["calibration"] == {"share": 0.25}
    truth = json.loads((folder / "annotations_calibration.json").read_text())
    assert [image["id"] for image in truth["images"]] == found["calibration"]
    assert [row["bbox"] for row in truth["annotations"]] == [[4, 2, 16, 8]] * 2
    assert not (tmp_path / "dataset/calibration.jsonl").exists()


def test_all_questions_about_an_image_are_in_one_part(
    tmp_path: Path, make_recipe: Make, make_row: Make, write_rows: Make
) -> None:
    pets = [GOOD, (1, [20.0, 2.0, 30.0, 10.0], 80.0)]
    rows = [make_row(i, objects=pets) for i in range(1, 11)]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", rows)
    recipe = make_recipe(calibration=CalibrationPart(0.5), prompt="category.en1", negatives=Negatives(0.2))
    prepare_dataset(recipe)
    found = parts(tmp_path / "dataset")
    assert len(found["calibration"]) > len(set(found["calibration"])) == 4
    assert not set(found["calibration"]) & {*found["train"], *found["val"]}
    truth = json.loads((tmp_path / "dataset/annotations_calibration.json").read_text())
    assert len(truth["images"]) == len(found["calibration"])


def test_a_calibration_part_that_is_lost_is_written_again(
    source: Path, make_recipe: Make, tmp_path: Path, read_folder: Make
) -> None:
    recipe = make_recipe(calibration=CalibrationPart(0.25))
    prepare_dataset(recipe)
    before = read_folder(tmp_path / "dataset")
    for name in ("calibration.jsonl", "annotations_calibration.json"):
        (tmp_path / "dataset" / name).unlink()
        prepare_dataset(recipe)
        assert read_folder(tmp_path / "dataset") == before


def test_without_the_part_an_overwritten_data_set_has_none(
    source: Path, make_recipe: Make, tmp_path: Path, read_folder: Make
) -> None:
    prepare_dataset(make_recipe(calibration=CalibrationPart(0.25)))
    with pytest.raises(UserError, match="holds another data set"):
        prepare_dataset(make_recipe())
    prepare_dataset(make_recipe(overwrite=True))
    prepare_dataset(make_recipe(output_dir=str(tmp_path / "fresh")))
    assert read_folder(tmp_path / "dataset") == read_folder(tmp_path / "fresh")


@pytest.mark.parametrize(("share", "kept"), [(0.05, 0), (0.97, 8)])
def test_a_share_of_no_image_or_of_all_is_refused(
    source: Path, make_recipe: Make, share: float, kept: int
) -> None:
    message = rf"calibration\.share: {share} of 8 training images are {kept}"
    with pytest.raises(UserError, match=message):
        prepare_dataset(make_recipe(calibration=CalibrationPart(share)))


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0])
def test_a_share_out_of_range_is_refused(make_recipe: Make, share: float) -> None:
    with pytest.raises(ValueError, match=r"calibration\.share"):
        make_recipe(calibration=CalibrationPart(share))
