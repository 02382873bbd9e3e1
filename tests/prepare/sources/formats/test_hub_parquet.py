"""Parquet files as data sets on hubs have them: no ids, no sizes, lists of structs, names in the metadata."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import BOX_OF_CROWD, BOX_UNKNOWN_CATEGORY
from tests.prepare.sources.formats.drawn_source import boxes_in, picture

Make = Callable[..., Any]
BOX = [10.0, 10.0, 60.0, 40.0]
NAMES = [f"{number}.png" for number in range(4)]


def row(number: int, objects: Any, **more: Any) -> dict[str, Any]:
    return {"image": {"bytes": picture(number), "path": NAMES[number]}, "objects": objects} | more


def write(
    folder: Path, rows: list[dict[str, Any]], name: str = "train-00000-of-00001", **features: Any
) -> None:
    table = pa.Table.from_pylist(rows)
    if features:
        text = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": text})
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"{name}.parquet")


@pytest.fixture
def recipe(recipe_for: Make) -> Make:
    def make(source: dict[str, Any] | None = None, **changes: Any) -> Any:
        return recipe_for("coco_parquet", {"hub": "local"} | (source or {}), **({"val_ratio": 0.0} | changes))

    return make


CLASS_LABEL = {"names": ["dog", "cat"], "_type": "ClassLabel"}
BOX_FEATURE = {"feature": {"dtype": "float32", "_type": "Value"}, "length": 4, "_type": "Sequence"}


@pytest.mark.parametrize(
    ("objects", "features"),
    [
        (  # datasets 2: Sequence of a dict
            {"bbox": [BOX], "category": [1]},
            {"objects": {"feature": {"bbox": BOX_FEATURE, "category": CLASS_LABEL}, "_type": "Sequence"}},
        ),
        (  # datasets 4: List of a dict
            [{"bbox": BOX, "category": 1}],
            {"objects": {"feature": {"bbox": BOX_FEATURE, "category": CLASS_LABEL}, "_type": "List"}},
        ),
        ([{"bbox": BOX, "label": 1}], {"objects": [{"bbox": BOX_FEATURE, "label": CLASS_LABEL}]}),
        (  # a dict of lists
            {"bboxes": [BOX], "categories": [1]},
            {"objects": {"bboxes": {}, "categories": {"feature": CLASS_LABEL, "_type": "Sequence"}}},
        ),
        ([{"bbox": BOX, "category": "cat"}], {}),
    ],
)
def test_layouts_and_names(objects: Any, features: Any, tmp_path: Path, recipe: Make) -> None:
    write(tmp_path / "source", [row(0, objects)], **features)
    card = prepare_dataset(recipe())
    assert card.dropped == {}
    assert [category.name for category in card.categories] == (["dog", "cat"] if features else ["cat"])
    assert boxes_in(tmp_path / "dataset", NAMES) == {"0.png": [("cat", BOX)]}


def test_columns_without_a_struct(tmp_path: Path, recipe: Make) -> None:
    rows = [{"image": {"bytes": picture(0), "path": None}, "bbox": [BOX, BOX], "label": ["cat", "dog"]}]
    write(tmp_path / "source", rows)
    prepare_dataset(recipe())
    assert boxes_in(tmp_path / "dataset", NAMES) == {"0.png": [("cat", BOX), ("dog", BOX)]}


@pytest.mark.parametrize("paths", [NAMES, [None] * 4, ["image.png"] * 4])
def test_images_without_ids_stay_apart(paths: list[Any], tmp_path: Path, recipe: Make) -> None:
    rows = [
        row(
            n,
            [{"bbox": [10.0 + n, *BOX[1:]], "category": "cat"}],
            image={"bytes": picture(n), "path": paths[n]},
        )
        for n in range(4)
    ]
    write(tmp_path / "source/data", rows[:2], "train-00000-of-00002")
    write(tmp_path / "source/data", rows[2:3], "train-00001-of-00002")
    write(tmp_path / "source/data", rows[3:], "validation-00000-of-00001")
    assert prepare_dataset(recipe()).dropped == {}
    found = boxes_in(tmp_path / "dataset", NAMES) | boxes_in(tmp_path / "dataset", NAMES, "val")
    assert found == {NAMES[n]: [("cat", [10 + n, *BOX[1:]])] for n in range(4)}


def test_crowds_and_unknown_labels(tmp_path: Path, recipe: Make) -> None:
    objects = {"bbox": [BOX] * 3, "category": [0, 0, 7], "iscrowd": [0, 1, 0]}
    write(tmp_path / "source", [row(0, objects)])
    card = prepare_dataset(recipe(categories=["cat"]))
    assert card.dropped == {BOX_OF_CROWD: 1, BOX_UNKNOWN_CATEGORY: 1}


def test_names_are_never_guessed(tmp_path: Path, recipe: Make) -> None:
    """COCO's names are the recipe's default: another data set's numbers would get wrong labels."""
    features = {"objects": {"feature": {"category": CLASS_LABEL}, "_type": "Sequence"}}
    write(tmp_path / "source", [row(0, {"bbox": [BOX], "category": [1]})], **features)
    with pytest.raises(UserError, match=r"name their labels dog, cat, .*set categories=source"):
        prepare_dataset(recipe(categories="coco"))
    card = prepare_dataset(recipe(categories=["Hund", "Katze"]))
    assert [category.name for category in card.categories] == ["Hund", "Katze"]
    write(tmp_path / "other", [row(0, {"bbox": [BOX], "category": [1]})])
    with pytest.raises(UserError, match="parquet files hold only numbers: list the names in their order"):
        prepare_dataset(recipe({"path": str(tmp_path / "other")}))


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (
            {"bbox": [BOX], "category": [1.5]},
            r"column objects\.category holds double, not whole numbers or texts",
        ),
        ({"bbox": ["a"], "category": [1]}, r"column objects\.bbox holds string, not lists of numbers"),
        ({"bbox": "a", "category": [1]}, r"column objects\.bbox holds string, not lists of lists of numbers"),
        ([{"bbox": BOX}], r"no column objects\.category: expected"),
        (5, r"no column objects\.category, objects\.bbox"),
    ],
)
def test_other_columns_are_refused(objects: Any, message: str, tmp_path: Path, recipe: Make) -> None:
    write(tmp_path / "source", [row(0, objects)])
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe(categories=["cat", "dog"]))
