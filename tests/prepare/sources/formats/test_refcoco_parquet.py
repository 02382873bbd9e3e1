from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import BOX_NOT_FOUR_NUMBERS, EXPRESSION_IN_NO_SPLIT, EXPRESSION_UNREADABLE
from tests.prepare.sources.formats.drawn_source import boxes_in, write_pictures

Make = Callable[..., Any]
NAMES = [f"COCO_train2014_{number:012d}.png" for number in range(4)]


def row(number: int, split: str, *texts: Any, box: Any = (10, 10, 60, 40), **more: Any) -> dict[str, Any]:
    sentences = [{"raw": text, "sent": text, "sent_id": n, "tokens": []} for n, text in enumerate(texts)]
    named = {"ref_id": number, "image_id": number, "ann_id": number, "split": split, "bbox": list(box)}
    return named | {"image_path": f"coco/train2014/{NAMES[number]}", "sentences": sentences} | more


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    def make(rows: list[dict[str, Any]], name: str = "train-00000-of-00001") -> None:
        write_pictures(tmp_path / "source/train2014", NAMES)
        (tmp_path / "source/data").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"source/data/{name}.parquet")

    return make


@pytest.fixture
def recipe(recipe_for: Make) -> Make:
    def make(source: dict[str, Any] | None = None, **changes: Any) -> Any:
        return recipe_for("refcoco_parquet", source, prompt="expression", **changes)

    return make


def test_splits_and_images_over_several_files(
    write: Make, recipe: Make, tmp_path: Path, read_rows: Make
) -> None:
    write([row(0, "train", "left one"), row(1, "train", "b")], "train-00000-of-00002")
    write([row(0, "train", "left one", box=(100, 10, 150, 40))], "train-00001-of-00002")
    write([row(2, "val", "c")], "validation-00000-of-00001")
    write([row(3, "testA", "d", "e")], "test-00000-of-00001")
    card = prepare_dataset(recipe())
    assert card.dropped == {EXPRESSION_IN_NO_SPLIT: 2}
    two = ["left one", [10, 10, 60, 40]], ["left one", [100, 10, 150, 40]]
    assert boxes_in(tmp_path / "dataset", NAMES) == {
        NAMES[0]: [tuple(pair) for pair in two],
        NAMES[1]: [("b", [10, 10, 60, 40])],
    }
    assert boxes_in(tmp_path / "dataset", NAMES, "val") == {NAMES[2]: [("c", [10, 10, 60, 40])]}
    card = prepare_dataset(recipe({"val_split": "testA"}, overwrite=True))
    assert card.counts["val"]["records"] == 2
    assert card.dropped == {EXPRESSION_IN_NO_SPLIT: 1}


def test_bad_rows_are_counted(write: Make, recipe: Make) -> None:
    write([row(0, "train", "a", None, " "), row(0, "train", "b", box=(1, 2, 3)), row(1, "train", "c")])
    card = prepare_dataset(recipe(val_ratio=0.0))
    assert card.dropped[EXPRESSION_UNREADABLE] == 2
    assert card.dropped[BOX_NOT_FOUR_NUMBERS] == 1
    assert card.counts["train"]["records"] == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(0, "val", "a")], "no split 'train'; there are val"),
        ([row(0, "train", "a", image_path=" ")], "row 0: image_path: a text is needed"),
        ([row(0, "train", "a", image_path="../x.png")], "none of its images is in"),
        (
            [row(0, "train", "a") | {"split": 5}],
            "row 0: split 5, sentences a list: a text and a list are needed",
        ),
        ([{"image_path": "a", "bbox": [1]}], "the columns image_path, split, bbox and sentences or captions"),
        ([row(0, "train", "a", box=(10, 10, 5, 5))], "upside down"),
    ],
)
def test_what_is_refused(rows: Any, message: str, write: Make, recipe: Make, tmp_path: Path) -> None:
    write(rows)
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe())


def test_a_cut_file(write: Make, recipe: Make, tmp_path: Path) -> None:
    write([row(0, "train", "a")])
    file = tmp_path / "source/data/train-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(UserError, match="not a whole parquet file"):
        prepare_dataset(recipe())
