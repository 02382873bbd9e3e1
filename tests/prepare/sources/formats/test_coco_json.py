import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.categories import COCO_CATEGORIES
from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import ANNOTATION_WITHOUT_IMAGE, BOX_NOT_FINITE, BOX_OF_CROWD
from prepare.sources.shared.identity import derived_id
from prepare.sources.shared.json_stream import stream_lists

Make = Callable[..., Any]
CROWD = [10.0, 20.0, 100.0, 50.0]


@pytest.fixture
def source(tmp_path: Path, photographs: Any) -> Path:
    """COCO's own layout, a crowd region of people in the first validation image."""
    folder = tmp_path / "source"
    ids = {category.name: category.id for category in COCO_CATEGORIES}
    (folder / "annotations").mkdir(parents=True)
    number = 0
    for split, rows in photographs.items():
        (folder / f"{split}2017").mkdir()
        images, annotations = [], []
        for row in rows:
            name = f"{row.image_id:012d}.jpg"
            (folder / f"{split}2017" / name).write_bytes(row.data)
            images.append({"id": row.image_id, "file_name": name, "width": row.width, "height": row.height})
            for box, label, area in zip(row.boxes, row.labels, row.areas, strict=True):
                number += 1
                x1, y1, x2, y2 = box
                annotations.append(
                    {
                        "segmentation": [[1.5] * 40],
                        "area": area,
                        "iscrowd": 0,
                        "image_id": row.image_id,
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "category_id": ids[label],
                        "id": number,
                    }
                )
        if split == "val":
            crowd = {
                "image_id": rows[0].image_id,
                "bbox": CROWD,
                "category_id": 1,
                "iscrowd": 1,
                "area": 99.5,
            }
            annotations.append(crowd | {"id": number + 1, "segmentation": {"counts": [1], "size": [9, 9]}})
        categories = [{"id": category.id, "name": category.name} for category in COCO_CATEGORIES]
        content = {
            "info": {"year": 2017, "text": "a [ in a string }"},
            "licenses": [],
            "images": images,
            "annotations": annotations,
            "categories": categories,
        }
        (folder / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(content))
    return folder


def test_real_photographs(
    source: Path, photographs: Any, recipe_for: Make, check_split: Make, tmp_path: Path
) -> None:
    card = prepare_dataset(recipe_for("coco_json"))
    assert card.categories == COCO_CATEGORIES
    assert card.dropped == {BOX_OF_CROWD: 1}
    check_split("train", photographs["train"])
    check_split("val", photographs["val"])
    names = {path.name for path in (tmp_path / "dataset/images").iterdir()}
    assert names == {f"{row.image_id:012d}.jpg" for rows in photographs.values() for row in rows}


def test_crowds_are_for_the_scorer_alone(
    source: Path,
    photographs: Any,
    recipe_for: Make,
    check_split: Make,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from pycocotools.coco import COCO

    prepare_dataset(recipe_for("coco_json"))
    truth = COCO(str(tmp_path / "dataset/annotations_val.json"))
    capsys.readouterr()
    (crowd,) = truth.loadAnns(truth.getAnnIds(iscrowd=1))
    assert crowd["bbox"] == CROWD
    assert crowd["area"] == 99.5
    assert crowd["image_id"] == photographs["val"][0].image_id
    assert len(truth.getAnnIds(iscrowd=0)) == sum(len(row.boxes) for row in photographs["val"])
    check_split("val", photographs["val"])


def test_a_list_of_names_takes_these_categories_alone(
    source: Path, photographs: Any, recipe_for: Make, read_rows: Make
) -> None:
    card = prepare_dataset(recipe_for("coco_json", categories=["person", "chair"]))
    labels = {label for row in read_rows("train") for label in row["objects"]["ref"]}
    assert labels <= {"person", "chair"}
    assert card.dropped["box of an unknown category"] > 0
    shown = [row for row in photographs["train"] if {"person", "chair"} & set(row.labels)]
    assert len(read_rows("train")) == len(shown)


def test_splits_that_are_numbered_alike_get_ids_from_their_names(
    source: Path, recipe_for: Make, read_rows: Make
) -> None:
    """Both splits from 0, as tools that export each by itself do: no image may be taken for another's."""
    for split in ("train", "val"):
        path = source / "annotations" / f"instances_{split}2017.json"
        content = json.loads(path.read_text())
        numbers = {image["id"]: number for number, image in enumerate(content["images"])}
        for row in content["images"]:
            row["id"] = numbers[row["id"]]
        for row in content["annotations"]:
            row["image_id"] = numbers[row["image_id"]]
        path.write_text(json.dumps(content))
    card = prepare_dataset(recipe_for("coco_json"))
    assert [card.counts[split]["images"] for split in ("train", "val")] == [12, 6]
    for row in read_rows("train"):
        assert row["source"].startswith("train2017/")
        assert Path(row["images"][0]).stem == f"{derived_id(row['source']):012d}"


def test_boxes_that_are_not_what_the_key_says(source: Path, recipe_for: Make) -> None:
    with pytest.raises(UserError, match=r"instances_val2017\.json, image \d+ .*is upside down as xyxy"):
        prepare_dataset(recipe_for("coco_json", {"boxes": "xyxy"}))
    with pytest.raises(UserError, match=r"source\.units=relative has numbers up to 1"):
        prepare_dataset(recipe_for("coco_json", {"units": "relative"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": "nowhere"}, "source.images: .*nowhere: no such folder"),
        ({"train_files": "*.nothing"}, r"no file in .* matches '\*\.nothing'; there are 20 files"),
    ],
)
def test_what_is_not_there(source: Path, recipe_for: Make, change: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe_for("coco_json", change))


def test_broken_json_names_the_file(source: Path, recipe_for: Make) -> None:
    path = source / "annotations/instances_train2017.json"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match=r"instances_train2017\.json: not readable as JSON"):
        prepare_dataset(recipe_for("coco_json"))


@pytest.mark.parametrize("chunk", [1, 2, 7, 1 << 20])
def test_a_stream_gives_what_the_whole_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("prepare.sources.shared.json_stream.CHUNK", chunk)
    content = {
        "a": [1, 23456, 0.1, -0.0, 5e-324, {"b": [[1.5e3], 'é]\\"中'], "x.item": True}, None],
        "empty": [],
        "c": {"d": [1]},
        "n": 123,
    }
    path = tmp_path / "x.json"
    for indent in (None, 2):
        path.write_text(json.dumps(content, indent=indent, ensure_ascii=indent is None), encoding="utf-8")
        found: dict[str, Any] = {}
        for key, value in stream_lists(path, ("a", "empty", "c", "n", "missing")):
            found.setdefault(key, []).append(value)
        assert found == {"a": content["a"]}
        assert list(map(repr, found["a"])) == list(map(repr, content["a"]))  # 1 and 1.0 are not the same


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": [1,', '{"a": 1} 2', '{"a" 1}', '{"a": [1 2'])
def test_what_is_no_json_object(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UserError, match="not readable as JSON"):
        list(stream_lists(path, ("a",)))


@pytest.mark.parametrize("ending", [',"b": [2]}', ',"b": [NaN, Infinity, -Infinity]}'])
def test_what_python_writes_is_read_as_python_reads_it(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "x.json"
    text = '{"a": [NaN, {"b": [0.1, -Infinity]}, "NaN"]' + ending
    path.write_text(f"\ufeff{text}", encoding="utf-8")
    found = [value for _, value in stream_lists(path, ("a", "b"))]
    content = json.loads(text)
    assert repr(found) == repr([*content["a"], *content["b"]])


def test_a_box_with_nan_is_dropped_alone(source: Path, recipe_for: Make) -> None:
    path = source / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["bbox"][2] = float("nan")
    path.write_text(json.dumps(content))
    assert prepare_dataset(recipe_for("coco_json")).dropped == {BOX_NOT_FINITE: 1, BOX_OF_CROWD: 1}


def test_a_large_file_is_read_in_the_memory_of_one_item(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    item = json.dumps({"id": 1, "segmentation": [[0.5] * 1000]})
    with path.open("w") as file:
        file.write('{"a": [' + item)
        for _ in range(1500):
            file.write(f",{item}")
        file.write("]}")
    tracemalloc.start()
    count = sum(1 for _ in stream_lists(path, ("a",)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1501
    assert peak < 5 << 20 < path.stat().st_size


def small_json(folder: Path, **changes: Any) -> None:
    """Write two pictures with a box each, and their JSON with the given lists in place of its own."""
    (folder / "images").mkdir(parents=True)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 20)).save(folder / "images" / name)
    content: dict[str, Any] = {
        "categories": [{"id": 1, "name": "cat"}],
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [{"image_id": number, "category_id": 1, "bbox": [4, 2, 16, 8]} for number in (1, 2)],
    }
    (folder / "instances_train.json").write_text(json.dumps(content | changes), encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}]},
            r"images\[1\]: id 1 stands for 'a.png' and for 'b.png'",
        ),
        (
            {"images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "./a.png"}]},
            r"'./a.png' is listed under two ids, 1 and 2",
        ),
        ({"categories": [{"id": 1, "name": " "}]}, "category 1 has an empty name"),
        ({"categories": [{"id": 1, "name": None}]}, r"categories\[0\]\.name: a text is needed"),
        ({"categories": [{"id": 1, "name": "x"}, {"id": 2, "name": "x"}]}, "categories 1 and 2 are both 'x'"),
        ({"categories": [{"id": 0, "name": "x"}, {"id": 2, "name": "x"}]}, "categories 0 and 2 are both 'x'"),
        ({"images": [{"id": 1}]}, "an image without file_name, coco_url or flickr_url"),
    ],
)
def test_what_is_ambiguous_is_refused(
    tmp_path: Path, recipe_for: Make, changes: dict[str, Any], message: str
) -> None:
    small_json(tmp_path / "source", **changes)
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe_for("coco_json"))


@pytest.mark.parametrize(
    "changes",
    [
        {"images": [{"id": "1", "file_name": "a.png"}, {"id": "2", "file_name": "b.png"}]},
        {
            "annotations": [
                {"image_id": str(number), "category_id": "1", "bbox": ["4", "2", "16", "8.0"]}
                for number in (1, 2)
            ]
        },
        {
            "annotations": [
                {"image_id": number, "category_id": 1, "segmentation": [[4, 2, 20, 2, 20, 10]]}
                for number in (1, 2)
            ]
        },
        {
            "images": [
                {"id": n, "coco_url": f"http://x.org/train2017/{c}.png"} for n, c in ((1, "a"), (2, "b"))
            ]
        },
    ],
    ids=["ids as text", "numbers as text", "outlines", "names in URLs"],
)
def test_other_spellings_give_the_same_boxes(
    tmp_path: Path, recipe_for: Make, read_rows: Make, changes: dict[str, Any]
) -> None:
    small_json(tmp_path / "source", **changes)
    card = prepare_dataset(recipe_for("coco_json", val_ratio=0.0))
    assert card.dropped == {}
    assert [row["objects"] for row in read_rows("train")] == 2 * [
        {"ref": ["cat"], "bbox": [[100, 100, 500, 500]]}
    ]


def test_annotations_of_removed_images_are_counted(tmp_path: Path, recipe_for: Make) -> None:
    small_json(tmp_path / "source", images=[{"id": 1, "file_name": "a.png"}])
    assert prepare_dataset(recipe_for("coco_json", val_ratio=0.0)).dropped == {ANNOTATION_WITHOUT_IMAGE: 1}


def test_crowds_are_trained_if_the_recipe_says_so(tmp_path: Path, recipe_for: Make) -> None:
    box = {"category_id": 1, "bbox": [4, 2, 16, 8], "iscrowd": 1}
    small_json(tmp_path / "source", annotations=[{"image_id": number, **box} for number in (1, 2)])
    with pytest.raises(UserError, match=r"marked as crowd .*\(2\); source\.crowds=objects trains them"):
        prepare_dataset(recipe_for("coco_json", val_ratio=0.0))
    card = prepare_dataset(recipe_for("coco_json", {"crowds": "objects"}, val_ratio=0.0, overwrite=True))
    assert (card.dropped, card.counts["train"]["boxes_in_answers"]) == ({}, 2)


def test_lvis_and_objects365(tmp_path: Path, recipe_for: Make, read_rows: Make) -> None:
    """LVIS names images by URL and lists absent categories; Objects365 names folders of its own server."""
    images = [
        {"coco_url": "http://images.cocodataset.org/train2017/000000391895.jpg", "neg_category_ids": [2]},
        {"file_name": "images/v1/patch8/objects365_v1_00420917.jpg", "license": 5, "url": ""},
    ]
    paths = ["train2017/000000391895.jpg", "train/patch8/objects365_v1_00420917.jpg"]
    for number, (image, path) in enumerate(zip(images, paths, strict=True)):
        folder = tmp_path / "source" / str(number)
        (folder / path).parent.mkdir(parents=True)
        Image.new("RGB", (20, 10), (number, 0, 0)).save(folder / path)
        annotation = {"id": 1, "image_id": 1, "category_id": 1, "area": 50.0, "isfake": 0, "iscrowd": 0}
        outline = {"segmentation": [[2, 1, 12, 1, 12, 6]]} if number == 0 else {"bbox": [2, 1, 10, 5]}
        content = {
            "images": [image | {"id": 1, "width": 20, "height": 10}],
            "annotations": [annotation | outline],
            "categories": [{"id": 1, "name": "cat", "synonyms": ["cat"], "frequency": "f"}],
        }
        (folder / "train.json").write_text(json.dumps(content))
        source = {"path": str(folder), "train_files": "train.json"}
        prepare_dataset(recipe_for("coco_json", source, overwrite=True))
        assert [row["objects"]["bbox"] for row in read_rows("train")] == [[[100, 100, 600, 600]]]
