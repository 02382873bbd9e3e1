"""What an export holds, what it leaves out and says so, and when it is refused."""

import dataclasses
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.samples import Sample
from prepare.export import left_out
from prepare.export.__main__ import main
from prepare.export.export_settings import ExportSettings, known_formats
from prepare.export.exporting import describe_export, export_dataset
from prepare.export.formats import coco_json_writer
from prepare.export.new_folder import new_folder
from tests.prepare.export.made_data_sets import box, sample, write_dataset, write_predictions

ROOT = Path(__file__).parents[3]
SIZE = Size(100, 50)


def export(dataset: Path, name: str, run: Path | None = None, **settings: Any) -> tuple[Path, Any]:
    folder = dataset.parent / f"out_{name}"
    return folder, export_dataset(dataset, ExportSettings(name, str(folder), **settings), run)


def coco(folder: Path, split: str = "val") -> Any:
    return json.loads((folder / f"annotations/instances_{split}.json").read_text())


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("name", known_formats())
def test_every_image_arrives_byte_for_byte(dataset: Path, name: str) -> None:
    folder, data = export(dataset, name)
    images = {path.name: path.read_bytes() for path in (dataset / "images").iterdir()}
    assert {path.name: path.read_bytes() for path in folder.rglob("*.png")} == images
    assert sorted(path.name for path in dataset.parent.iterdir()) == ["dataset", f"out_{name}"]
    crowds = 0 if name in ("coco_json", "voc") else 1
    assert data.left_out == ({left_out.CROWD: crowds} if crowds else {})


def test_links(dataset: Path) -> None:
    folder, _ = export(dataset, "yolo", link=True)
    assert (folder / "images/train/000000000001.png").samefile(dataset / "images/000000000001.png")


def test_truth_is_the_annotations_for_val_and_the_records_for_train(dataset: Path) -> None:
    folder, _ = export(dataset, "coco_json")
    truth = json.loads((dataset / "annotations_val.json").read_text())
    written = coco(folder)
    assert written["annotations"] == truth["annotations"]
    assert written["categories"] == truth["categories"]
    assert [row["id"] for row in written["images"]] == [11, 12]
    assert [row["bbox"] for row in coco(folder, "train")["annotations"]] == [[10, 5, 10, 5], [30, 5, 10, 5]]


def test_an_object_of_several_questions_is_one_object(tmp_path: Path) -> None:
    whole = sample(1, SIZE, [box(1, 2, 30, 20), box(1, 2, 30, 20), box(5, 5, 15, 25, "no")])
    cats = dataclasses.replace(
        whole, detections=whole.detections[:2], areas=whole.areas[:2], expression="cat"
    )
    absent = dataclasses.replace(whole, detections=(), areas=(), expression="007", negative="random")
    questions = [dataclasses.replace(item, image_id=n) for n, item in enumerate((whole, cats, absent), 1)]
    other = [dataclasses.replace(item, image="images/000000000002.png") for item in questions]
    dataset = write_dataset(tmp_path / "dataset", {"train": questions, "val": other})
    folder, data = export(dataset, "coco_json")
    assert data.left_out == {left_out.ABSENT: 2}
    for split in ("train", "val"):
        written = coco(folder, split)
        assert len(written["images"]) == 1
        assert [row["category_id"] for row in written["annotations"]] == [1, 1, 2]
    for name in ("sharegpt", "ms_swift"):
        _, data = export(dataset, name)
        assert data.left_out == {}
        assert {split: len(rows) for split, rows in data.rows.items()} == {"train": 3, "val": 3}


def test_yes_no_questions_are_conversations_and_nothing_else(dataset: Path) -> None:
    """Formats of objects get neither the questions nor the pictures that show their boxes."""
    formats = known_formats()
    before = {name: export(dataset, name) for name in formats}
    files = {name: files_of(folder) for name, (folder, _) in before.items()}
    drawn = "images/yes_no_00000000000000000000000000000000.png"
    Image.new("RGB", (SIZE.width, SIZE.height)).save(dataset / drawn)
    first = json.loads((dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    question, answer = (
        {"role": role, "content": text} for role, text in (("user", "<image>?"), ("assistant", "No"))
    )
    rows = [
        {"messages": [first["messages"][0], question, answer], "images": [image], "yes_no": "shifted"}
        for image in (drawn, first["images"][0])
    ]
    with (dataset / "train.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
    for name in formats:
        folder = dataset.parent / f"again_{name}"
        data = export_dataset(dataset, ExportSettings(name, str(folder)))
        if name in ("sharegpt", "ms_swift"):
            assert len(data.rows["train"]) == len(before[name][1].rows["train"]) + 2
            assert data.left_out == before[name][1].left_out
            assert (folder / drawn).is_file()
        else:
            assert files_of(folder) == files[name]
            assert data.left_out == before[name][1].left_out + Counter({left_out.YES_NO: 2})


def test_questions_for_words_are_conversations_and_nothing_else(dataset: Path) -> None:
    formats = known_formats()
    before = {name: export(dataset, name) for name in formats}
    files = {name: files_of(folder) for name, (folder, _) in before.items()}
    drawn = "images/region_00000000000000000000000000000000.png"
    Image.new("RGB", (SIZE.width, SIZE.height)).save(dataset / drawn)
    mark = {"box": [1, 2, 3, 4], "show": "blur", "label": None, "phrases": ["the cat"]}
    for split in ("train", "val"):
        first = json.loads((dataset / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()[0])
        turns = (("user", "<image>?"), ("assistant", "the cat"))
        messages = [first["messages"][0], *({"role": role, "content": text} for role, text in turns)]
        image = drawn if split == "train" else first["images"][0]
        row = {"messages": messages, "images": [image], "region": mark}
        with (dataset / f"{split}.jsonl").open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(row)}\n")
    for name in formats:
        folder = dataset.parent / f"again_{name}"
        data = export_dataset(dataset, ExportSettings(name, str(folder)))
        if name in ("sharegpt", "ms_swift"):
            assert [len(data.rows[split]) for split in ("train", "val")] == [
                len(before[name][1].rows[split]) + 1 for split in ("train", "val")
            ]
            assert data.left_out == before[name][1].left_out
            assert (folder / drawn).is_file()
        else:
            assert files_of(folder) == files[name]
            assert data.left_out == before[name][1].left_out + Counter({left_out.REGION: 2})


@pytest.fixture
def phrases(tmp_path: Path) -> Path:
    """Referring expressions: one for two objects, one for one, one that matches nothing."""

    def questions(number: int) -> list[Sample]:
        boxes = ([box(1, 2, 30, 20), box(40, 2, 60, 20)], [box(5, 5, 15, 25)], [])
        texts = ("the cats", "a cat in front", "a bird")
        made = [
            sample(number, SIZE, found, expression=text) for found, text in zip(boxes, texts, strict=True)
        ]
        return [dataclasses.replace(item, image_id=number * 10 + n) for n, item in enumerate(made)]

    return write_dataset(
        tmp_path / "dataset",
        {"train": questions(1), "val": questions(2)},
        ("cat",),
        prompts={"expression.en1": "Where is {expression}?"},
    )


def test_phrases_go_where_they_can_be_stated(phrases: Path) -> None:
    folder, data = export(phrases, "odvg")
    assert data.left_out == {left_out.ABSENT: 2}
    for split in ("train", "val"):
        (line,) = [json.loads(text) for text in (folder / f"{split}.jsonl").read_text().splitlines()]
        grounding = line["grounding"]
        assert "detection" not in line
        assert grounding["caption"] == "the cats . a cat in front ."
        assert [region["phrase"] for region in grounding["regions"]] == ["the cats"] * 2 + ["a cat in front"]
        assert grounding["regions"][1]["bbox"] == [40, 2, 60, 20]
        for region in grounding["regions"]:
            ((start, end),) = region["tokens_positive"]
            assert grounding["caption"][start:end] == region["phrase"]
    for name in ("coco_json", "yolo", "voc", "cvat", "label_studio"):
        with pytest.raises(
            UserError, match=r"no referring expressions, .* choose one of ms_swift, odvg, sharegpt"
        ):
            export(phrases, name)
        assert not (phrases.parent / f"out_{name}").exists()


def test_text_without_boxes_and_unknown_labels_are_counted(dataset: Path) -> None:
    for split, label in (("train", "zebra"), ("val", "007")):
        path = dataset / f"{split}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows[0]["messages"][2]["content"], rows[0]["objects"] = "A quiet street.", None
        rows[1]["objects"]["ref"] = [label] * len(rows[1]["objects"]["ref"])
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    _, data = export(dataset, "coco_json")
    assert data.left_out == {left_out.TEXT: 2, left_out.UNKNOWN_LABEL: 1}
    assert "2  answer without boxes" in describe_export(data)


def found(label: str, *corners: float, score: float | None = 0.5) -> dict[str, Any]:
    return {"label": label, "box": list(corners), "score": score}


def test_predictions_replace_the_truth(dataset: Path) -> None:
    run = write_predictions(
        dataset.parent / "eval",
        {
            11: [
                found("cat", -5, 2, 30, 20),
                found("no", 5, 2, 30, 20, score=0.25),
                found("zebra", 5, 2, 30, 20),
                found("cat", 200, 200, 300, 300),
            ]
        },
    )
    folder, data = export(dataset, "coco_json", run)
    assert data.left_out == {left_out.UNPREDICTED: 1, left_out.UNKNOWN_LABEL: 1, left_out.OUTSIDE: 1}
    rows = coco(folder)["annotations"]
    assert [(row["bbox"], row["score"]) for row in rows] == [([0, 2, 30, 18], 0.5), ([5, 2, 25, 18], 0.25)]
    assert not (folder / "annotations/instances_train.json").exists()
    _, data = export(dataset, "yolo", run)
    assert data.left_out[left_out.SCORE] == 2
    with pytest.raises(UserError, match="no predictions: choose one of coco_json, cvat"):
        export(dataset, "sharegpt", run)


@pytest.mark.parametrize(
    ("rows", "message"),
    [({99: []}, "image_id 99 is not in"), ({}, "no prediction in it"), ({11: [{"label": "cat"}]}, "line 1")],
)
def test_predictions_of_another_data_set(dataset: Path, rows: Any, message: str) -> None:
    run = write_predictions(dataset.parent / "eval", rows)
    with pytest.raises(UserError, match=message):
        export(dataset, "coco_json", run)
    assert not (dataset.parent / "out_coco_json").exists()


def test_other_content_is_refused_and_stays(dataset: Path) -> None:
    folder = dataset.parent / "out_yolo"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds thesis\.txt: choose another one"):
        export(dataset, "yolo")
    assert files_of(folder) == {"thesis.txt": b"mine"}
    link = dataset.parent / "out_voc"
    link.symlink_to(folder)
    with pytest.raises(UserError, match="is no folder"):
        export(dataset, "voc")


def test_an_interrupted_export_leaves_nothing(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("prepare.export.exporting.write_images", lambda *_, **__: interrupt())
        with pytest.raises(KeyboardInterrupt):
            export(dataset, "coco_json")
    assert [path.name for path in dataset.parent.iterdir()] == ["dataset"]


KILLED = """
import os, sys
from prepare.export import exported_images
copy, count = exported_images.shutil.copyfile, [0]
def copyfile(source, target):
    count[0] += 1
    if count[0] == 3:
        os.kill(os.getpid(), 9)
    return copy(source, target)
exported_images.shutil.copyfile = copyfile
from prepare.export.__main__ import main
main(sys.argv[1:])
"""


def test_a_killed_export_starts_again_with_the_same_bytes(dataset: Path) -> None:
    folder, _ = export(dataset, "voc")
    undisturbed = files_of(folder)
    words = [str(dataset), "format=voc", f"output_dir={dataset.parent / 'again'}"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *words], cwd=ROOT, capture_output=True, check=False
    )
    assert killed.returncode == -9
    assert not (dataset.parent / "again").exists()
    assert (dataset.parent / ".again.exporting").is_dir()
    assert main(words) == 0
    assert files_of(dataset.parent / "again") == undisturbed
    assert not list(dataset.parent.glob(".again*"))


def test_damaged_data_sets_are_refused(dataset: Path) -> None:
    image = dataset / "images/000000000011.png"
    good = image.read_bytes()

    def refused(message: str) -> None:
        with pytest.raises(UserError, match=message):
            export(dataset, "coco_json")
        assert not (dataset.parent / "out_coco_json").exists()

    image.unlink()
    refused("000000000011.png: no such image: prepare the data set again")
    image.write_bytes(good[:30])
    refused("not readable as an image")
    Image.new("RGB", (7, 7)).save(image)
    refused("7x7 pixels, annotated as 100x50")
    image.unlink()
    (dataset.parent / "secret.png").write_bytes(good)
    image.symlink_to(dataset.parent / "secret.png")
    refused("is not in images/")
    image.unlink()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (100, 50)).save(image, "JPEG", exif=turned)
    refused("turned by its EXIF orientation")
    image.write_bytes(good)
    rows = (dataset / "train.jsonl").read_text().splitlines()
    (dataset / "train.jsonl").write_text(f"{rows[0]}\n{rows[1].replace('000000000002', '000000000011')}\n")
    refused("is in train and in val")
    (dataset / "train.jsonl").write_text(f"{rows[0]}\n{rows[1].replace('images/000', '../images/000')}\n")
    refused("is not in images/")
    (dataset / "train.jsonl").write_text('{"messages": []}\n')
    refused("train.jsonl, line 1: not a training record")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["format=yol", "output_dir=x"], "no 'yol' .* did you mean 'yolo'"),
        (["format=yolo"], "output_dir must be set"),
        (["format=yolo", "output_dir=x", "links=true"], "unknown key 'links'.* did you mean 'link'"),
        (["format=yolo", "output_dir=x"], "card.json: no such file"),
    ],
)
def test_bad_words(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        main([str(tmp_path), *words])


def test_the_command_prints_what_was_left_out(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(dataset), "format=yolo", f"output_dir={dataset.parent / 'out'}"]) == 0
    printed = capsys.readouterr().out
    assert "val         2      3" in printed
    assert f"1  {left_out.CROWD}" in printed


def test_a_writer_that_fails_leaves_nothing(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device", "x.json")

    monkeypatch.setattr(coco_json_writer, "save", fail)
    with pytest.raises(UserError, match="cannot be written: No space left on device"):
        export(dataset, "coco_json")
    assert [path.name for path in dataset.parent.iterdir()] == ["dataset"]


def test_content_that_comes_meanwhile_is_kept(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = dataset.parent / "out_coco_json"

    def save(*_: Any) -> Counter[str]:
        folder.mkdir()
        (folder / "thesis.txt").write_text("mine")
        return Counter()

    monkeypatch.setattr(coco_json_writer, "save", save)
    with pytest.raises(UserError, match=r"holds thesis\.txt"):
        export(dataset, "coco_json")
    assert files_of(folder) == {"thesis.txt": b"mine"}


def test_one_run_at_a_time(dataset: Path) -> None:
    with new_folder(dataset.parent / "out_voc"):
        with pytest.raises(UserError, match="another run is writing"):
            export(dataset, "voc")
        (dataset.parent / ".out_voc.exporting" / "x").write_text("first")
    assert files_of(dataset.parent / "out_voc") == {"x": b"first"}


@pytest.mark.parametrize("name", ["coco_json", "ms_swift"])
def test_images_of_the_calibration_part_are_left_out_and_counted(dataset: Path, name: str) -> None:
    rows = (dataset / "train.jsonl").read_text().splitlines(keepends=True)
    (dataset / "train.jsonl").write_text(rows[0])
    (dataset / "calibration.jsonl").write_text(rows[1] * 2)
    folder, data = export(dataset, name)
    assert data.left_out[left_out.CALIBRATION] == 1
    kept = {path.name for path in folder.rglob("*.png")}
    assert kept == {f"{number:012}.png" for number in (1, 11, 12)}
