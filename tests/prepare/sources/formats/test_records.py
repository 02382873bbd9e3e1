import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    RECORD_FLAWED,
    RECORD_IMAGE_UNMATCHED,
    RECORD_UNMATCHED,
    RECORD_UNREADABLE,
    RECORD_WITH_BAD_BOX,
)

Make = Callable[..., Any]


def record(
    answer: str, objects: dict[str, Any] | None = None, image: str = "a.png", **more: Any
) -> dict[str, Any]:
    """Make a record that asks in words of its own."""
    messages = [
        {"role": "user", "content": "<image>What is there?"},
        {"role": "assistant", "content": answer},
    ]
    row = {"messages": messages, "images": [image]} | more
    return row if objects is None else row | {"objects": objects}


@pytest.fixture
def write_source(tmp_path: Path, png: Make) -> Callable[..., None]:
    """Write records about images of 40 x 20 pixels."""

    def write(rows: list[dict[str, Any]], name: str = "train.jsonl") -> None:
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        for row in rows:
            for image in row.get("images", []):
                (folder / image).write_bytes(png())
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    return write


@pytest.fixture
def records_for(recipe_for: Make) -> Make:
    return lambda source=None, **changes: recipe_for("records", source, **({"val_ratio": 0.0} | changes))


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_our_own_data_set_goes_through_unchanged(
    photographs: Any,
    records_for: Make,
    recipe_for: Make,
    tmp_path: Path,
    read_rows: Make,
    answer_format: str,
) -> None:
    """Real photographs: prepared, then taken for records, the conversations are the same word for word."""
    sample = Path(__file__).parents[5] / "shared" / "coco_sample"
    first = recipe_for("coco_parquet", {"hub": "local", "path": str(sample)}, total_samples=20, val_ratio=0.2)
    source = tmp_path / "source"
    prepare_dataset(
        dataclasses.replace(first, categories="coco", answer_format=answer_format, output_dir=str(source))
    )
    prepare_dataset(records_for())
    for split, count in (("train", 16), ("val", 4)):
        before = {row["images"][0]: row for row in map(json.loads, (source / f"{split}.jsonl").open())}
        rows = read_rows(split)
        assert len(rows) == len(before) == count
        for row in rows:
            original = before[row["source"]]
            assert row["messages"] == original["messages"]
            assert row.get("objects") == original.get("objects")
            copy = (tmp_path / "dataset" / row["images"][0]).read_bytes()
            assert copy == (source / row["source"]).read_bytes()


def test_placeholders_keep_their_places(write_source: Make, records_for: Make, read_rows: Make) -> None:
    objects = {"ref": ["cat", "dog"], "bbox": [[0, 0, 40, 20], [4, 2, 20, 10], [10, 0, 20, 20]]}
    row = record("A <ref-object><bbox><bbox>, and a <ref-object><bbox>.", objects)
    write_source([row])
    prepare_dataset(records_for({"units": "pixels"}))
    (found,) = read_rows("train")
    assert found["messages"] == row["messages"]
    assert found["objects"] == {
        "ref": ["cat", "dog"],
        "bbox": [[0, 0, 1000, 1000], [100, 100, 500, 500], [250, 0, 500, 1000]],
    }
    assert found["source"] == "a.png"


@pytest.mark.parametrize(
    ("units", "boxes", "numbers"),
    [
        ("grid", "xyxy", [100, 100, 500, 500]),
        ("pixels", "xyxy", [4, 2, 20, 10]),
        ("relative", "cxcywh", [0.3, 0.3, 0.4, 0.4]),
    ],
)
def test_units_as_the_key_says(
    write_source: Make, records_for: Make, read_rows: Make, units: str, boxes: str, numbers: list[float]
) -> None:
    answer = json.dumps([{"bbox_2d": numbers, "label": "猫", "note": "x"}], ensure_ascii=False)
    write_source(
        [
            record("<ref-object><bbox>", {"ref": ["猫"], "bbox": [numbers]}),
            record(f"```json\n{answer}\n```", image="b.png"),
        ]
    )
    prepare_dataset(records_for({"units": units, "boxes": boxes}))
    rows = {row["source"]: row for row in read_rows("train")}
    assert rows["a.png"]["objects"]["bbox"] == [[100, 100, 500, 500]]
    assert json.loads(rows["b.png"]["messages"][1]["content"]) == [
        {"bbox_2d": [100, 100, 500, 500], "label": "猫", "note": "x"}
    ]


def test_the_truth_is_what_the_answers_name(
    write_source: Make, records_for: Make, tmp_path: Path, read_rows: Make
) -> None:
    asked = record(
        "<ref-object><bbox>", {"ref": ["dog", "cat"], "bbox": [[0, 0, 500, 500], [500, 0, 1000, 500]]}
    )
    asked["messages"][0]["content"] = "<image>Beside the <ref-object><bbox>?"
    write_source([asked, record("None of them is in the image."), record("[]", image="b.png")], "val.jsonl")
    write_source([record('[{"bbox_2d": [0, 0, 9, 9], "label": "cow"}]', image="c.png")])
    card = prepare_dataset(records_for())
    assert [category.name for category in card.categories] == ["cat", "cow"]
    truth = json.loads((tmp_path / "dataset/annotations_val.json").read_text())
    assert [item["bbox"] for item in truth["annotations"]] == [[20, 0, 20, 10]]
    assert [item["category_id"] for item in truth["annotations"]] == [1]
    assert [image["file_name"] for image in truth["images"]] == [row["images"][0] for row in read_rows("val")]
    assert len({image["id"] for image in truth["images"]}) == 3


def test_records_that_do_not_fit_are_counted(write_source: Make, records_for: Make, read_rows: Make) -> None:
    good = {"ref": ["cat"], "bbox": [[0, 0, 500, 500]]}
    two_marks = record("<ref-object><bbox>", good)
    two_marks["messages"][0]["content"] = "<image><image>What is there?"
    strange_role = record("<ref-object><bbox>", good)
    strange_role["messages"][0]["role"] = "narrator"
    write_source(
        [
            record("<ref-object><bbox>", good),
            record("<ref-object><bbox>, <ref-object><bbox>", good),
            record("nothing", good),
            record("<ref-object><bbox>", {"ref": ["cat"], "bbox": [[500, 0, 500, 500]]}),
            record('[{"bbox_2d": [1, 2, 3'),
            record("<|box_start|>(1,2),(3,4)<|box_end|>"),
            two_marks,
            strange_role,
        ]
    )
    card = prepare_dataset(records_for(max_bad_share=0.0))
    assert len(read_rows("train")) == 1
    assert card.dropped == {
        RECORD_FLAWED: 1,
        RECORD_IMAGE_UNMATCHED: 1,
        RECORD_UNMATCHED: 2,
        RECORD_UNREADABLE: 2,
        RECORD_WITH_BAD_BOX: 1,
    }


def test_pixels_called_grid_are_refused(write_source: Make, records_for: Make) -> None:
    write_source([record("<ref-object><bbox>", {"ref": ["cat"], "bbox": [[0, 0, 1900, 700]]})])
    with pytest.raises(UserError, match=r"train\.jsonl, line 1: box \[0, 0, 1900, 700\]: source\.units=grid"):
        prepare_dataset(records_for())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"images": ["a.png"]}, "line 1: messages are needed"),
        ({"messages": [{"role": "user"}], "images": ["a.png"]}, "line 1: messages need role and content"),
        (record("x", images=["a.png", "b.png"]), "line 1: no image: the path of one image"),
        (record("x", {"ref": 1}), "line 1: messages need role"),
    ],
)
def test_a_line_of_another_form_names_itself(
    write_source: Make, records_for: Make, row: dict[str, Any], message: str
) -> None:
    write_source([row])
    with pytest.raises(UserError, match=message):
        prepare_dataset(records_for())
