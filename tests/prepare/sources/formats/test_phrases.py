import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import EXPRESSION_WITH_MARKUP, EXPRESSION_WITHOUT_BOX, RECORD_WITHOUT_IMAGE
from prepare.sources.shared.identity import derived_id

SAMPLE = Path(__file__).parents[5] / "shared" / "refexp_sample"
Make = Callable[..., Any]

needs_sample = pytest.mark.skipif(
    not SAMPLE.is_dir(), reason="no folder ../shared/refexp_sample with referring expressions"
)


@pytest.fixture
def phrases_for(recipe_for: Make) -> Make:
    def make(source: dict[str, Any] | None = None, **changes: Any) -> Any:
        settings = {"answer_format": "json", "prompt": "qwen_expression", "val_ratio": 0.0}
        return recipe_for("phrases", source, **(settings | changes))

    return make


@pytest.fixture
def write_source(tmp_path: Path, png: Make) -> Callable[..., Path]:
    """Write rows about images of 40 x 20 pixels, all of which are made."""

    def write(rows: list[dict[str, Any]], name: str = "train.jsonl") -> Path:
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        for row in rows:
            if isinstance(row.get("image"), str):
                path = folder / row["image"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(png())
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        return folder

    return write


@needs_sample
def test_real_expressions(phrases_for: Make, read_rows: Make, tmp_path: Path) -> None:
    card = prepare_dataset(phrases_for({"path": str(SAMPLE)}, val_ratio=0.2))
    assert [card.counts[split]["images"] for split in ("train", "val")] == [80, 20]
    assert [category.name for category in card.categories] == ["object"]
    wanted = [json.loads(line) for line in (SAMPLE / "refexp.jsonl").read_text("utf-8").splitlines()]
    rows = {split: read_rows(split) for split in ("train", "val")}
    assert len(rows["train"]) + len(rows["val"]) == len(wanted) == 105
    assert not {row["source"] for row in rows["train"]} & {row["source"] for row in rows["val"]}
    for line in wanted:
        (row,) = [
            row
            for row in (*rows["train"], *rows["val"])
            if row["source"] == line["image"] and f'"{line["expression"]}"' in row["messages"][1]["content"]
        ]
        data = (tmp_path / "dataset" / row["images"][0]).read_bytes()
        assert data == (SAMPLE / line["image"]).read_bytes()
        answer = json.loads(row["messages"][2]["content"])
        if line["bbox"] is None:
            assert answer == []
        else:
            scale = [line["width"], line["height"]] * 2
            grid = [value * 1000 / side for value, side in zip(line["bbox"], scale, strict=True)]
            assert [item["label"] for item in answer] == [line["expression"]]
            assert answer[0]["bbox_2d"] == pytest.approx(grid, abs=0.51)


@needs_sample
def test_each_expression_is_scored_by_itself(
    phrases_for: Make, read_rows: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pycocotools.coco import COCO

    prepare_dataset(phrases_for({"path": str(SAMPLE)}, val_ratio=0.9))
    truth = COCO(str(tmp_path / "dataset/annotations_val.json"))
    capsys.readouterr()
    rows = read_rows("val")
    images = truth.loadImgs(truth.getImgIds())
    assert len({image["id"] for image in images}) == len(images) == len(rows)
    assert [image["file_name"] for image in images] == [row["images"][0] for row in rows]
    assert len({image["file_name"] for image in images}) < len(images)
    wanted = {
        (line["image"], line["expression"]): line["bbox"]
        for line in map(json.loads, (SAMPLE / "refexp.jsonl").read_text("utf-8").splitlines())
    }
    for image, row in zip(images, rows, strict=True):
        boxes = [item["bbox"] for item in truth.loadAnns(truth.getAnnIds(imgIds=[image["id"]]))]
        box = wanted[row["source"], image["asked"]]
        if box is None:
            assert boxes == []
        else:
            x1, y1, x2, y2 = box
            x, y, width, height = boxes[0]
            assert len(boxes) == 1
            # The photograph's edge cuts a few boxes by a fraction of a pixel.
            assert [x, y, x + width, y + height] == pytest.approx([x1, y1, x2, y2], abs=1)


def test_ids_come_from_names_and_expressions(
    write_source: Make, phrases_for: Make, read_rows: Make, tmp_path: Path
) -> None:
    box = [4, 2, 20, 10]
    write_source([{"image": "a b/猫.png", "expression": "the cat", "bbox": box}], "val.jsonl")
    write_source([{"image": "c.png", "expression": "a dog", "bbox": box}])
    prepare_dataset(phrases_for(val_ratio=0.5))
    (row,) = read_rows("val")
    assert row["images"] == [f"images/{derived_id('a b/猫.png'):012d}.png"]
    assert row["source"] == "a b/猫.png"
    truth = json.loads((tmp_path / "dataset/annotations_val.json").read_text())
    assert truth["images"][0]["id"] == derived_id("a b/猫.png\nthe cat")


def test_boxes_of_one_expression_come_together(
    write_source: Make, phrases_for: Make, read_rows: Make
) -> None:
    rows = [
        {"image": "a.png", "expression": "a  sheep", "bbox": [0, 0, 10, 10]},
        {"image": "./a.png", "expression": "a sheep", "bbox": [[0, 0, 10, 10], [20, 0, 40, 20]]},
        {"image": "a.png", "expression": "the shepherd", "bbox": None},
    ]
    write_source(rows)
    prepare_dataset(phrases_for())
    answers = [json.loads(row["messages"][2]["content"]) for row in read_rows("train")]
    assert [[item["bbox_2d"] for item in answer] for answer in answers] == [
        [[0, 0, 250, 500], [500, 0, 1000, 1000]],
        [],
    ]


def test_what_cannot_be_asked_is_counted_and_not_made_a_negative(
    write_source: Make, phrases_for: Make, read_rows: Make
) -> None:
    rows = [
        {"image": "a.png", "expression": "far away", "bbox": [50, 0, 60, 10]},
        {"image": "a.png", "expression": "a <bbox>", "bbox": [0, 0, 10, 10]},
        {"image": "a.png", "expression": "a dog", "bbox": [0, 0, 10, 10]},
        {"image": "a.png", "expression": "a cat", "bbox": [0, 0, 10, 10]},
        {"image": "b.png", "expression": "far away", "bbox": [50, 0, 60, 10]},
        {"image": "b.png", "expression": "one more", "bbox": [0, 0, 10, 10]},
        {"image": "c.png", "expression": "gone", "bbox": [50, 0, 60, 10]},
    ]
    write_source(rows)
    card = prepare_dataset(phrases_for())
    assert card.dropped == {
        EXPRESSION_WITHOUT_BOX: 3,
        EXPRESSION_WITH_MARKUP: 1,
        "box is outside its image": 3,
    }
    assert len(read_rows("train")) == 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"image": "a.png", "expression": "x"}, "line 2: no bbox: write null"),
        ({"image": "a.png", "bbox": None}, "line 2: no expression"),
        ({"image": 5, "expression": "x", "bbox": None}, "line 2: no image"),
        ({"image": "a.png", "expression": "x", "bbox": "1,2,3,4"}, "line 2: bbox '1,2,3,4'"),
        ({"image": "a.png", "expression": "x", "bbox": None, "width": 4}, "line 2: width 4, height None"),
    ],
)
def test_a_line_of_another_form_names_itself(
    write_source: Make, phrases_for: Make, row: dict[str, Any], message: str
) -> None:
    write_source([{"image": "a.png", "expression": "y", "bbox": [0, 0, 9, 9]}, row])
    with pytest.raises(UserError, match=message):
        prepare_dataset(phrases_for())


def test_a_line_without_an_image_is_counted_and_a_file_of_them_refused(
    write_source: Make, phrases_for: Make, tmp_path: Path
) -> None:
    odd = {"expression": "x", "bbox": None}
    write_source([{"image": "a.png", "expression": "y", "bbox": [0, 0, 9, 9]}, odd])
    assert prepare_dataset(phrases_for()).dropped == {RECORD_WITHOUT_IMAGE: 1}
    write_source([odd, odd], "more.jsonl")
    with pytest.raises(UserError, match=r"more\.jsonl, line 1: no image: .* no line of the file has it"):
        prepare_dataset(phrases_for(overwrite=True))


def test_numbers_as_texts_are_numbers(write_source: Make, phrases_for: Make, read_rows: Make) -> None:
    write_source(
        [
            {"image": "a.png", "expression": "y", "bbox": ["4", "2", "20", "10.0"]},
            {"image": "b.png", "expression": "z", "bbox": ["4", "2", "twenty", "10"]},
            {"image": "b.png", "expression": "none", "bbox": None},
        ]
    )
    card = prepare_dataset(phrases_for())
    answers = {row["source"]: row["messages"][-1]["content"] for row in read_rows("train")}
    assert json.loads(answers["a.png"]) == [{"bbox_2d": [100, 100, 500, 500], "label": "y"}]
    assert card.dropped == {"box is not four numbers": 1, EXPRESSION_WITHOUT_BOX: 1}


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("retrieval.jsonl", "train"),
        ("medieval_art.jsonl", "train"),
        ("refs_val.jsonl", "val"),
        ("val2017.jsonl", "val"),
        ("my-validation.jsonl", "val"),
        ("Eval.val.jsonl", "val"),
    ],
)
def test_only_the_whole_word_makes_a_file_validate(
    write_source: Make, phrases_for: Make, read_rows: Make, name: str, split: str
) -> None:
    write_source([{"image": "a.png", "expression": "y", "bbox": [0, 0, 9, 9]}], "other.jsonl")
    write_source([{"image": "b.png", "expression": "y", "bbox": [0, 0, 9, 9]}], name)
    prepare_dataset(phrases_for())
    assert "b.png" in {row["source"] for row in read_rows(split)}


@pytest.mark.parametrize(
    ("units", "boxes", "numbers"),
    [
        ("relative", "xywh", [0.1, 0.1, 0.4, 0.4]),
        ("grid", "xyxy", [100, 100, 500, 500]),
        ("pixels", "cxcywh", [12, 6, 16, 8]),
    ],
)
def test_boxes_as_the_keys_say(
    write_source: Make, phrases_for: Make, read_rows: Make, units: str, boxes: str, numbers: list[float]
) -> None:
    write_source([{"image": "a.png", "expression": "y", "bbox": numbers}])
    prepare_dataset(phrases_for({"units": units, "boxes": boxes}))
    (row,) = read_rows("train")
    assert json.loads(row["messages"][2]["content"])[0]["bbox_2d"] == [100, 100, 500, 500]


def test_an_image_of_both_files_stays_in_val(write_source: Make, phrases_for: Make, read_rows: Make) -> None:
    box = [4, 2, 20, 10]
    write_source([{"image": "a.png", "expression": "x", "bbox": box}], "val.jsonl")
    write_source(
        [
            {"image": "a.png", "expression": "y", "bbox": box},
            {"image": "b.png", "expression": "z", "bbox": box},
        ]
    )
    card = prepare_dataset(phrases_for())
    assert [row["source"] for row in read_rows("train")] == ["b.png"]
    assert card.dropped == {"image is listed twice": 1}


def test_a_wording_that_names_no_expression_is_refused(phrases_for: Make, recipe_for: Make) -> None:
    with pytest.raises(ValueError, match=r"prompt: .* set prompt=expression"):
        phrases_for(prompt="task")
    with pytest.raises(ValueError, match=r"prompt: .* for source\.kind=phrases"):
        recipe_for("yolo", prompt="expression")
