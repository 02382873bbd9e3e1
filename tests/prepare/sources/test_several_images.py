"""Records that show several images, from a source through every command of prepare."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from grounding.card import load_card
from grounding.errors import UserError
from grounding.recipe.loading import load_settings
from prepare.check.dataset import check_dataset
from prepare.export.export_settings import ExportSettings
from prepare.export.exporting import export_dataset
from prepare.inspect.inspection import Plan, inspect_folder
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    IMAGE_MISSING,
    RECORD_IMAGE_UNMATCHED,
    RECORD_PICTURE_MISSING,
    RECORD_PICTURE_UNKNOWN,
    RECORD_PICTURES_DISAGREE,
    RECORD_SHOWS_VAL,
)
from prepare.shapes.scenes import ShapeSettings
from prepare.shapes.source_files import write_source
from prepare.show.__main__ import show
from prepare.stats.counts import count_files

Make = Callable[..., Any]
Rows = list[dict[str, Any]]

SIZES = {"a.png": (40, 20), "b.png": (100, 200), "c.png": (60, 60), "d.png": (200, 50)}
TURNED = "t.jpg"
"""Stored as 40 x 80, and turned by its EXIF orientation: 80 x 40 upright."""


def talk(question: str, answer: str, images: Sequence[str], **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "images": list(images), **more}


def boxes(*placed: tuple[int, list[int]], **more: Any) -> dict[str, Any]:
    numbers = {"bbox": [box for _, box in placed], "image_id": [place for place, _ in placed]}
    return {"ref": ["cat"] * len(placed), **numbers, "bbox_type": "real", **more}


@pytest.fixture
def prepare(tmp_path: Path, recipe_for: Make) -> Callable[..., tuple[Rows, dict[str, int]]]:
    """Prepare rows from tmp_path/source, and return the training records and what was dropped."""

    def run(rows: Rows, source: dict[str, Any] | None = None, **changes: Any) -> tuple[Rows, dict[str, int]]:
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        for name, size in SIZES.items():
            Image.new("RGB", size, (size[0], 99, size[1])).save(folder / name)
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        Image.new("RGB", (40, 80), (1, 2, 3)).save(folder / TURNED, exif=exif)
        (folder / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        settings = {"val_ratio": 0.0, "overwrite": True} | changes
        card = prepare_dataset(recipe_for("records", {"units": "pixels"} | (source or {}), **settings))
        text = (tmp_path / "dataset" / "train.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()], dict(card.dropped)

    return run


TWO = "<image><image>Find the cats"


@pytest.mark.parametrize(
    ("row", "answer", "objects"),
    [
        (talk(TWO, "<ref-object><bbox>", ["a.png", "b.png"], objects=boxes((1, [10, 20, 50, 100]))),
         "Image 2: <ref-object><bbox>", [([100, 100, 500, 500], 1)]),
        (talk(TWO, "<ref-object><bbox>, <ref-object><bbox>", ["a.png", "b.png"],
              objects=boxes((0, [4, 2, 20, 10]), (1, [10, 20, 50, 100]))),
         "Image 1: <ref-object><bbox>\nImage 2: <ref-object><bbox>",
         [([100, 100, 500, 500], 0), ([100, 100, 500, 500], 1)]),
        (talk(TWO, "Image 2 has <ref-object> at <bbox>.", ["a.png", "b.png"],
              objects=boxes((1, [10, 20, 50, 100]))),
         "Image 2 has <ref-object> at <bbox>.", [([100, 100, 500, 500], 1)]),
        (talk(TWO, "图2：<ref-object><bbox>", ["a.png", "b.png"], objects={
            "ref": ["cat"], "bbox": [[10, 20, 50, 100]], "bbox_type": "real"}),
         "图2：<ref-object><bbox>", [([100, 100, 500, 500], 1)]),
        (talk(TWO, "<ref-object><bbox>", ["a.png", "b.png"], objects={
            "ref": ["cat"], "bbox": [[4, 2, 20, 10]], "bbox_type": "real"}),  # as in ms-swift
         "Image 1: <ref-object><bbox>", [([100, 100, 500, 500], 0)]),
        (talk(TWO, '[{"bbox_2d": <bbox>, "label": "<ref-object>"}]', ["a.png", "b.png"],
              objects=boxes((1, [10, 20, 50, 100]))),
         '[{"image": 2, "bbox_2d": [100, 100, 500, 500], "label": "cat"}]', []),
        (talk(TWO, '[{"label": "cat", "image": 2, "bbox_2d": [10, 20, 50, 100]}]', ["a.png", "b.png"]),
         '[{"image": 2, "bbox_2d": [100, 100, 500, 500], "label": "cat"}]', []),
        (talk(TWO, "Image 1: cat [4, 2, 20, 10]\nImage 2: cat [10, 20, 50, 100]", ["a.png", "b.png"]),
         "Image 1: cat [100, 100, 500, 500]\nImage 2: cat [100, 100, 500, 500]", []),
        ({"conversations": [{"from": "human", "value": "<image>\n<image>\nFind the cats"},
                            {"from": "gpt", "value": "Image 2: cat [10, 20, 50, 100]"}],
          "image": ["a.png", "b.png"]},
         "Image 2: cat [100, 100, 500, 500]", []),
    ],
)  # fmt: skip
def test_each_box_is_converted_by_its_own_image(
    prepare: Make, row: dict[str, Any], answer: str, objects: list[Any]
) -> None:
    (found,), dropped = prepare([row])
    assert dropped == {}
    assert found["messages"][-1]["content"] == answer
    assert len(found["images"]) == 2
    given = found.get("objects", {"bbox": [], "image_id": []})
    assert list(zip(given["bbox"], given["image_id"], strict=True)) == objects


GOOD = talk("<image>Find the cat", "<ref-object><bbox>", ["d.png"], objects=boxes((0, [0, 0, 100, 25])))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (talk(TWO, "A <ref-object><bbox> and then <bbox>.", ["a.png", "b.png"],
              objects={**boxes((0, [4, 2, 20, 10]), (1, [4, 2, 20, 10])), "ref": ["cat"]}),
         RECORD_PICTURE_UNKNOWN),
        (talk(TWO, '[{"label": "cat", "bbox_2d": [10, 20, 50, 100]}]', ["a.png", "b.png"]),
         RECORD_PICTURE_UNKNOWN),
        (talk(TWO, "cat [10, 20, 50, 100]", ["a.png", "b.png"]), RECORD_PICTURE_UNKNOWN),
        (talk(TWO, "<ref-object><bbox>", ["a.png", "b.png"], objects=boxes((2, [4, 2, 20, 10]))),
         RECORD_PICTURE_MISSING),
        (talk(TWO, "<ref-object><bbox>", ["a.png", "b.png"], objects=boxes((-1, [4, 2, 20, 10]))),
         RECORD_PICTURE_MISSING),
        (talk(TWO, "Image 3: cat [4, 2, 20, 10]", ["a.png", "b.png"]), RECORD_PICTURE_MISSING),
        (talk(TWO, "Image 1: <ref-object><bbox>", ["a.png", "b.png"], objects=boxes((1, [4, 2, 20, 10]))),
         RECORD_PICTURES_DISAGREE),
        (talk("<image>Find", "<ref-object><bbox>", ["a.png", "b.png"], objects=boxes((0, [4, 2, 20, 10]))),
         RECORD_IMAGE_UNMATCHED),
        (talk("<image>" + TWO, "<ref-object><bbox>", ["a.png", "b.png"], objects=boxes((0, [4, 2, 20, 10]))),
         RECORD_IMAGE_UNMATCHED),
        (talk(TWO, "<ref-object><bbox>", ["a.png", "gone.png"], objects=boxes((0, [4, 2, 20, 10]))),
         IMAGE_MISSING),
    ],
)  # fmt: skip
def test_what_names_no_image_is_counted_by_its_reason(
    prepare: Make, row: dict[str, Any], reason: str
) -> None:
    found, dropped = prepare([GOOD, row], max_bad_share=1.0)
    assert dropped == {reason: 1}
    assert [record["objects"]["bbox"] for record in found] == [[[0, 0, 500, 500]]]


def test_boxes_on_the_grid_have_no_usual_image(prepare: Make) -> None:
    objects = {"ref": ["cat"], "bbox": [[100, 100, 200, 200]], "bbox_type": "norm1000"}
    row = talk(TWO, "<ref-object><bbox>", ["a.png", "b.png"], objects=objects)
    found, dropped = prepare([GOOD, row], {"units": None})
    assert (len(found), dropped) == (1, {RECORD_PICTURE_UNKNOWN: 1})


def test_without_headings_such_records_are_left_out(prepare: Make, tmp_path: Path) -> None:
    row = talk(TWO, "<ref-object><bbox>", ["a.png", "b.png"], objects=boxes((1, [10, 20, 50, 100])))
    said = talk(TWO, "Image 2: <ref-object><bbox>", ["a.png", "c.png"], objects=boxes((1, [6, 6, 30, 30])))
    found, dropped = prepare([GOOD, row, said], {"headings": False})
    assert dropped == {RECORD_PICTURE_UNKNOWN: 1}
    assert len(found) == 2
    assert load_card(tmp_path / "dataset").recipe["source"]["headings"] is False
    _, dropped = prepare([GOOD, row, said])
    card = load_card(tmp_path / "dataset")
    assert dropped == {}
    counts = card.counts["train"]
    assert (counts["several_images"], counts["most_images"], counts["headings_added"]) == (2, 2, 1)
    assert counts["images"] == 4
    assert "headings" not in card.recipe["source"]


def test_an_image_that_is_turned_has_boxes_of_its_own_view(prepare: Make) -> None:
    row = talk(TWO, "<ref-object><bbox>", ["a.png", TURNED], objects=boxes((1, [8, 4, 40, 20])))
    (found,), _ = prepare([row], exif="turned")
    assert found["objects"]["bbox"] == [[100, 100, 500, 500]]
    stored = talk(TWO, "<ref-object><bbox>", ["a.png", TURNED], objects=boxes((1, [0, 0, 20, 40])))
    (found,), _ = prepare([stored], exif="stored")
    assert found["objects"]["bbox"] == [[500, 0, 1000, 500]]


def test_images_of_later_turns_are_told_apart(prepare: Make, tmp_path: Path) -> None:
    first = talk("<image>Cats?", "<ref-object><bbox>", ["a.png", "b.png"])
    second = talk("<image>And here?", "<ref-object><bbox>", [])
    row = first | {"messages": first["messages"] + second["messages"]}
    row["objects"] = boxes((0, [4, 2, 20, 10]), (1, [10, 20, 50, 100]))
    (found,), dropped = prepare([row])
    answers = [message["content"] for message in found["messages"] if message["role"] == "assistant"]
    assert answers == ["<ref-object><bbox>", "Image 2: <ref-object><bbox>"]
    assert found["objects"]["image_id"] == [0, 1]
    _, dropped = prepare([row], test_set=True)
    truth = json.loads((tmp_path / "dataset/annotations_val.json").read_text())
    assert [entry["width"] for entry in truth["images"]] == [40]  # what the first question shows
    assert dropped == {}
    assert check_dataset(tmp_path / "dataset").counts == {}


def test_images_outside_the_source_are_refused(prepare: Make, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "secret.png")
    row = talk(TWO, "<ref-object><bbox>", ["a.png", "../secret.png"], objects=boxes((0, [4, 2, 20, 10])))
    with pytest.raises(UserError, match=r"secret\.png: lies outside source\.path"):
        prepare([row])


def test_no_image_of_validation_is_shown_in_training(prepare: Make, tmp_path: Path) -> None:
    """Records with an image in common stay together; where a file fixes the split, they are left out."""
    rows = [
        talk("<image>Find", "<ref-object><bbox>", [name], objects=boxes((0, [4, 2, 20, 10])))
        for name in SIZES
    ]
    rows.append(talk(TWO, "<ref-object><bbox>", ["a.png", "b.png"], objects=boxes((0, [4, 2, 20, 10]))))
    for seed in range(4):
        _, dropped = prepare(rows, seed=seed, val_ratio=0.4)
        assert dropped == {}
        assert check_dataset(tmp_path / "dataset").counts == {}
    (tmp_path / "source/val.jsonl").write_text(json.dumps(rows[0]) + "\n")
    found, dropped = prepare(rows[1:])
    assert dropped == {RECORD_SHOWS_VAL: 1}
    assert len(found) == 3


def test_the_same_rows_give_the_same_bytes_after_a_stop(
    prepare: Make, tmp_path: Path, read_folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [GOOD, talk(TWO, "<ref-object><bbox>", ["a.png", "b.png"], objects=boxes((1, [4, 2, 20, 10])))]
    prepare(rows)
    before = read_folder(tmp_path / "dataset")
    with monkeypatch.context() as patch:
        patch.setattr("prepare.pipeline.finish_folder", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(rows)
    prepare(rows, overwrite=False)
    assert read_folder(tmp_path / "dataset") == before


def stop(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def shapes(tmp_path: Path, recipe_for: Make) -> Path:
    settings = load_settings(ShapeSettings, ["layout=records", "pictures=3", "images=12", "val_images=6"])
    write_source(tmp_path / "source", settings)
    prepare_dataset(recipe_for("records", {"units": "pixels"}))
    return tmp_path / "dataset"


def test_drawn_records_go_through_every_command(shapes: Path, tmp_path: Path) -> None:
    assert check_dataset(shapes).counts == {}
    counts = count_files({split: shapes / f"{split}.jsonl" for split in ("train", "val")})["splits"]
    assert (counts["train"]["images"], counts["train"]["records_of_several_images"]) == (12, 8)
    assert counts["val"]["most_images_of_a_record"] == 3
    page = show(shapes, limit=2).read_text(encoding="utf-8")
    assert page.count("<svg") == 2 * 2 * 3
    assert "image 3: 64 x 64 pixels" in page
    rows = [json.loads(line) for line in (shapes / "train.jsonl").read_text().splitlines()]
    truth: dict[str, list[list[int]]] = {}
    for row in rows:
        if "each of" in row["messages"][1]["content"]:
            for box, place in zip(row["objects"]["bbox"], row["objects"]["image_id"], strict=True):
                truth.setdefault(row["images"][place].removeprefix("images/"), []).append(box)
    data = export_dataset(shapes, ExportSettings("coco_json", str(tmp_path / "coco")))
    exported = {
        image.name: [[round(side * 1000 / 64) for side in item.box.xyxy] for item in image.objects]
        for image in data.images["train"]
    }
    assert {name: sorted(found) for name, found in exported.items()} == {
        name: sorted(found) for name, found in truth.items()
    }


def test_an_inspection_looks_at_each_image_by_itself(
    prepare: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The boxes fit the second image alone, and are drawn there."""
    objects = boxes((1, [10, 120, 50, 190]), (1, [20, 130, 90, 180]), bbox_type=None)
    rows = [talk(TWO, "<ref-object><bbox>, <ref-object><bbox>", ["a.png", "b.png"], objects=objects)]
    prepare(rows)
    plan = Plan(tmp_path / "source", tmp_path / "recipe.yaml")
    inspect_folder(plan, ["source.units=pixels"], print)
    said = capsys.readouterr().out
    assert "pixels: 100% of 2 looked at lie in their images" in said
    assert "(of 2 looked at)" in said
    assert plan.sheet.is_file()


def test_records_exported_for_ms_swift_come_back(shapes: Path, tmp_path: Path, recipe_for: Make) -> None:
    export_dataset(shapes, ExportSettings("ms_swift", str(tmp_path / "swift")))
    again = recipe_for("records", {"path": str(tmp_path / "swift")}, output_dir=str(tmp_path / "again"))
    assert prepare_dataset(again).dropped == {}
    for split in ("train", "val"):
        before, after = (
            sorted(
                json.dumps([row["messages"], row.get("objects")], sort_keys=True)
                for row in map(json.loads, (folder / f"{split}.jsonl").read_text().splitlines())
            )
            for folder in (shapes, tmp_path / "again")
        )
        assert before == after


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pictures=2"], "pictures=2: several in one question need layout=records"),
        (["layout=records", "pictures=0"], "pictures=0"),
        (["layout=records", "pictures=3", "images=8"], "no multiples of pictures=3"),
    ],
)
def test_drawn_records_that_make_no_sense_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        load_settings(ShapeSettings, words)


def test_the_same_settings_draw_the_same_records(tmp_path: Path, read_folder: Make) -> None:
    settings = load_settings(ShapeSettings, ["layout=records", "pictures=2", "images=8", "val_images=0"])
    for name in ("one", "two"):
        write_source(tmp_path / name, settings)
    assert read_folder(tmp_path / "one") == read_folder(tmp_path / "two")
    with Image.open(io.BytesIO(read_folder(tmp_path / "one")["images/train/000001.png"])) as image:
        assert image.size == (64, 64)
