"""The step on real COCO photographs, against a conversion written a second time."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings

SAMPLE = Path(__file__).parents[5] / "shared" / "coco_sample"

pytestmark = pytest.mark.skipif(
    not SAMPLE.is_dir(), reason="no folder ../shared/coco_sample with photographs"
)


def recipe_for(folder: Path, source: Path = SAMPLE, **changes: Any) -> PrepareRecipe:
    place = SourceSettings(hub="local", path=str(source))
    return dataclasses.replace(
        PrepareRecipe(source=place, output_dir=str(folder), total_samples=200, val_ratio=0.2), **changes
    )


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coco") / "dataset"
    prepare_dataset(recipe_for(folder))
    return folder


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_source(split: str) -> dict[int, Any]:
    frame = pd.concat([pd.read_parquet(path) for path in sorted(SAMPLE.glob(f"{split}-*.parquet"))])
    return {row.image_id: row for row in frame.itertuples()}


def image_id(row: dict[str, Any]) -> int:
    return int(Path(row["images"][0]).stem)


def test_exact_numbers(dataset: Path) -> None:
    assert len(read_rows(dataset / "train.jsonl")) == 160
    assert len(read_rows(dataset / "val.jsonl")) == 40
    assert len(list((dataset / "images").iterdir())) == 200


@pytest.mark.parametrize("split", ["train", "val"])
def test_records_equal_an_independent_conversion(dataset: Path, split: str) -> None:
    names = json.loads((SAMPLE / "categories.json").read_text())
    source = read_source(split)
    for row in read_rows(dataset / f"{split}.jsonl"):
        original = source[image_id(row)]
        scale = [original.width, original.height, original.width, original.height]
        expected = [
            [round(value * 1000 / side) for value, side in zip(box, scale, strict=True)]
            for box in original.objects["bbox"]
        ]
        assert row["objects"]["bbox"] == expected
        assert row["objects"]["ref"] == [names[index] for index in original.objects["category"]]
        assert (dataset / row["images"][0]).read_bytes() == original.image["bytes"]
        system, user, assistant = row["messages"]
        assert system["role"] == "system"
        assert user["content"].startswith("<image>")
        assert assistant["content"].count("<ref-object><bbox>") == len(expected)


def test_no_image_is_in_both_splits_and_val_is_the_source_s_own(dataset: Path) -> None:
    train, val = (
        {image_id(row) for row in read_rows(dataset / f"{split}.jsonl")} for split in ("train", "val")
    )
    assert not train & val
    assert val <= set(read_source("val"))
    assert train <= set(read_source("train"))


def test_pycocotools_reads_the_annotations(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    truth = COCO(str(dataset / "annotations_val.json"))
    capsys.readouterr()
    source = read_source("val")
    ids = {image_id(row) for row in read_rows(dataset / "val.jsonl")}
    assert set(truth.getImgIds()) == ids
    assert len(truth.getAnnIds()) == sum(len(source[i].objects["bbox"]) for i in ids)
    assert len(truth.getCatIds()) == 80
    for i in ids:
        found = truth.loadAnns(truth.getAnnIds(imgIds=[i]))
        assert [row["area"] for row in found] == list(source[i].objects["area"])
        for row, box in zip(found, source[i].objects["bbox"], strict=True):
            x, y, width, height = row["bbox"]
            assert [x, y, x + width, y + height] == pytest.approx(list(box))
        assert (dataset / truth.loadImgs([i])[0]["file_name"]).is_file()


def test_a_second_run_writes_the_same_bytes(
    dataset: Path, tmp_path: Path, read_folder: Callable[[Path], dict[str, bytes]]
) -> None:
    prepare_dataset(recipe_for(tmp_path / "again"))
    assert read_folder(tmp_path / "again") == read_folder(dataset)


def test_the_order_of_files_and_rows_does_not_matter(
    dataset: Path, tmp_path: Path, read_folder: Callable[[Path], dict[str, bytes]]
) -> None:
    source = tmp_path / "shuffled"
    source.mkdir()
    for split, files in (("train", 3), ("val", 1)):
        table = pa.concat_tables([pq.read_table(path) for path in sorted(SAMPLE.glob(f"{split}-*.parquet"))])
        order = list(range(table.num_rows))[::-1]
        for part in range(files):
            name = f"{split}-{files - 1 - part:05d}-of-{files:05d}.parquet"
            pq.write_table(table.take(order[part::files]), source / name, row_group_size=11)
    prepare_dataset(recipe_for(tmp_path / "again", source))
    again, first = read_folder(tmp_path / "again"), read_folder(dataset)
    cards = [json.loads(files.pop("card.json")) for files in (again, first)]
    assert again == first
    assert cards[0].pop("source_fingerprint") != cards[1].pop("source_fingerprint")
    assert cards[0] == cards[1]


def test_another_seed_draws_other_images(dataset: Path, tmp_path: Path) -> None:
    prepare_dataset(recipe_for(tmp_path / "seed7", seed=7))
    first, other = (
        [image_id(row) for row in read_rows(folder / "val.jsonl")] for folder in (dataset, tmp_path / "seed7")
    )
    assert set(first) != set(other)


def test_json_answers_carry_the_same_boxes(dataset: Path, tmp_path: Path) -> None:
    prepare_dataset(recipe_for(tmp_path / "json", answer_format="json"))
    for row, plain in zip(
        read_rows(dataset / "val.jsonl"), read_rows(tmp_path / "json" / "val.jsonl"), strict=True
    ):
        answer = json.loads(plain["messages"][2]["content"])
        assert "objects" not in plain
        assert [item["bbox_2d"] for item in answer] == row["objects"]["bbox"]
        assert [item["label"] for item in answer] == row["objects"]["ref"]


def test_more_than_there_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    card = prepare_dataset(recipe_for(tmp_path / "all", total_samples=400))
    assert card.counts["train"]["images"] == 160
    assert card.counts["val"]["images"] == 60
    assert "train: 320 images were requested, but only 160 are usable" in caplog.text
    assert "val: 80 images were requested, but only 60 are usable" in caplog.text
