"""Conversations that are kept: what stays of a question for words about a region."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.card import load_card
from grounding.files import read_jsonl
from prepare.check.dataset import check_dataset
from prepare.pipeline import prepare_dataset
from prepare.reasons import RECORD_FLAWED
from prepare.recipe import PrepareRecipe
from prepare.sources.source_settings import SourceSettings

MARK: dict[str, Any] = {
    "box": [100, 200, 600, 700],
    "show": "spotlight",
    "label": "cat",
    "phrases": ["the black cat", "a cat"],
    "image": "elsewhere.png",
}
DIALOGUE: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "<image>What is it?"},
        {"role": "assistant", "content": "a cat"},
        {"role": "user", "content": "Where is the dog?"},
        {"role": "assistant", "content": "<ref-object><bbox>"},
        {"role": "user", "content": "Is it asleep?"},
        {"role": "assistant", "content": "Yes."},
    ],
    "images": ["0.png"],
    "objects": {"ref": ["dog"], "bbox": [[10, 20, 30, 40]]},
    "region": MARK,
}


def prepare(tmp_path: Path, *rows: dict[str, Any], units: str | None = None) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(len(rows)):
        Image.new("RGB", (50, 40), (9 * number, 0, 99)).save(source / f"{number}.png")
    lines = [json.dumps(row | {"images": [f"{number}.png"]}) for number, row in enumerate(rows)]
    (source / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    prepare_dataset(
        PrepareRecipe(
            source=SourceSettings(kind="records", path=str(source), units=units),
            categories="source",
            output_dir=str(tmp_path / "data"),
            total_samples=None,
            val_ratio=0.0,
        )
    )
    return tmp_path / "data"


def test_a_question_for_words_keeps_its_mark_and_its_turns(tmp_path: Path) -> None:
    dataset = prepare(tmp_path, DIALOGUE)
    ((_, row),) = read_jsonl(dataset / "train.jsonl")
    assert row["region"] == {key: value for key, value in MARK.items() if key != "image"}
    assert row["messages"] == DIALOGUE["messages"]
    assert row["objects"] == DIALOGUE["objects"]
    assert check_dataset(dataset).counts == {}


def test_the_mark_is_on_the_grid_whatever_the_boxes_are(tmp_path: Path) -> None:
    in_pixels = DIALOGUE | {"objects": {"ref": ["dog"], "bbox": [[10, 20, 30, 40]]}}
    dataset = prepare(tmp_path, in_pixels, units="pixels")
    ((_, row),) = read_jsonl(dataset / "train.jsonl")
    assert row["objects"]["bbox"] == [[200, 500, 600, 1000]]
    assert row["region"]["box"] == MARK["box"]


@pytest.mark.parametrize(
    "region", [MARK | {"box": [1, 2]}, MARK | {"phrases": ["a dog"]}, MARK | {"show": "glow"}]
)
def test_a_mark_that_makes_no_sense_is_counted(tmp_path: Path, region: dict[str, Any]) -> None:
    dataset = prepare(tmp_path, DIALOGUE, DIALOGUE | {"region": region})
    assert len(list(read_jsonl(dataset / "train.jsonl"))) == 1
    assert load_card(dataset).dropped[RECORD_FLAWED]
