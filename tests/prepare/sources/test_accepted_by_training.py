"""Data of every source kind that prepare writes passes `prepare.check` and the pre-flight check."""

import dataclasses
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from grounding.markup import find_markup
from infer.asking.dataset_questions import read_questions
from prepare.check.dataset import check_dataset
from prepare.pipeline import prepare_dataset
from prepare.settings.question_settings import YesNoQuestions
from prepare.sources.source_settings import EXPRESSION_KINDS
from tests.prepare.sources.small_sources import SETTINGS, SOURCES
from train.preflight.data import file_problems

Make = Callable[..., Any]
Row = dict[str, Any]
WIDTH, HEIGHT = 40, 20


def assert_accepted(dataset: Path) -> None:
    report = check_dataset(dataset)
    assert report.errors == 0, str(report)
    problems = [
        problem
        for name in ("train.jsonl", "val.jsonl")
        if (dataset / name).stat().st_size
        for problem in file_problems(dataset / name)
    ]
    assert problems == []


def picture(number: int) -> bytes:
    """Return an image of its own for each number."""
    buffer = io.BytesIO()
    Image.new("RGB", (WIDTH, HEIGHT), (number % 256, number // 256, 7)).save(buffer, "PNG")
    return buffer.getvalue()


# Conversations, kept word for word.

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20).filter(
    lambda text: find_markup(text) is None
)
labels = words.filter(str.strip)


@st.composite
def boxes(draw: st.DrawFn) -> list[int]:
    (x1, x2), (y1, y2) = (
        sorted(draw(st.lists(st.integers(0, 1000), min_size=2, max_size=2, unique=True))) for _ in range(2)
    )
    return [x1, y1, x2, max(2, y2)]  # numbers of at most 1 would be taken for shares of the image


# It names a category: a source without any is refused.
WITH_A_CATEGORY: Row = {
    "messages": [
        {"role": "user", "content": "<image>"},
        {"role": "assistant", "content": "<ref-object><bbox>"},
    ],
    "objects": {"ref": ["cat"], "bbox": [[0, 0, 500, 500]]},
}


@st.composite
def conversations(draw: st.DrawFn) -> Row:
    """Draw a record: any system prompt or none, one to three turns, objects in questions and answers."""
    refs: list[str] = []
    found: list[list[int]] = []

    def mention(count: int, most_boxes: int) -> str:
        text = ""
        for _ in range(count):
            refs.append(draw(labels))
            several = draw(st.lists(boxes(), min_size=1, max_size=most_boxes))
            found.extend(several)
            text += f"{draw(words)}<ref-object>{'<bbox>' * len(several)}"
        return text

    messages = [{"role": "system", "content": draw(words)}] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 3))):
        question = ("" if number else "<image>") + draw(words) + mention(draw(st.integers(0, 1)), 1)
        if draw(st.booleans()):
            question += " and <ref-object>?"
            refs.append(draw(labels))
        kind = draw(st.sampled_from(("objects", "json", "fenced", "words", "none")))
        if kind == "objects":
            answer = mention(draw(st.integers(1, 4)), 3) + draw(words)
        elif kind == "words":
            answer = draw(words | st.sampled_from(("No bbox here.", '[{"label": "cat"}]', "[]", "3")))
        elif kind == "none":
            answer = "None of them is in the image."
        else:
            key, name = draw(st.sampled_from((("bbox_2d", "label"), ("bbox", "category"))))
            rows = [{key: box, name: draw(labels)} for box in draw(st.lists(boxes(), max_size=3))]
            answer = json.dumps(rows, ensure_ascii=False)
            answer = f"```json\n{answer}\n```" if kind == "fenced" else answer
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    row: Row = {"messages": messages}
    return row | {"objects": {"ref": refs, "bbox": found}} if refs else row


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(train=st.lists(conversations(), max_size=2), val=st.lists(conversations(), max_size=2))
def test_conversations(tmp_path: Path, recipe_for: Make, train: list[Row], val: list[Row]) -> None:
    train = [WITH_A_CATEGORY, *train]
    place = Path(tempfile.mkdtemp(dir=tmp_path))
    (place / "source").mkdir()
    for name, rows in (("train", train), ("val", val)):
        lines = []
        for row in rows:
            number = len(list((place / "source").glob("*.png")))
            (place / "source" / f"{number}.png").write_bytes(picture(number))
            lines.append(json.dumps(row | {"images": [f"{number}.png"]}) + "\n")
        if lines:
            (place / "source" / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    output = place / "dataset"
    card = prepare_dataset(
        recipe_for("records", {"path": str(place / "source")}, output_dir=str(output), val_ratio=0.0)
    )
    assert card.dropped == {}
    assert_accepted(output)
    for split, rows in (("train", train), ("val", val)):
        systems = {row["messages"][0]["content"] for row in rows if row["messages"][0]["role"] == "system"}
        asked = read_questions(output, split) if rows else []
        assert {question.request.system for question in asked} - {""} == systems - {""}
        assert not any("<ref-object>" in question.request.user for question in asked)


# The other kinds.

OBJECTS = (("cat", [4, 2, 20, 10]), ("dog", [10, 0, 40, 20]), ("cat", [0, 0, 8, 8]))


def write_images(folder: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture(number))


def write_coco_json(folder: Path) -> None:
    (folder / "annotations").mkdir(parents=True)
    write_images(folder, [f"{split}2017/{number}.png" for split in ("train", "val") for number in range(3)])
    for split, first in (("train", 0), ("val", 3)):
        content: dict[str, Any] = {
            "images": [
                {"id": first + number + 1, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT}
                for number in range(3)
            ],
            "annotations": [
                {
                    "id": 10 * (first + number) + place,
                    "image_id": first + number + 1,
                    "category_id": 1 + (label == "dog"),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": 1.0,
                    "iscrowd": 0,
                }
                for number in range(3)
                for place, (label, (x1, y1, x2, y2)) in enumerate(OBJECTS[: number + 1], start=1)
            ],
            "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        }
        (folder / "annotations" / f"instances_{split}2017.json").write_text(json.dumps(content))


def write_yolo(folder: Path) -> None:
    write_images(
        folder, [f"images/{split}/{number}.png" for split in ("train", "val") for number in range(3)]
    )
    for split in ("train", "val"):
        (folder / "labels" / split).mkdir(parents=True)
        for number in range(3):
            lines = [
                f"{int(label == 'dog')} {(x1 + x2) / 80} {(y1 + y2) / 40} {(x2 - x1) / 40} {(y2 - y1) / 20}\n"
                for label, (x1, y1, x2, y2) in OBJECTS[: number + 1]
            ]
            (folder / "labels" / split / f"{number}.txt").write_text("".join(lines))
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")


def write_voc(folder: Path) -> None:
    write_images(folder, [f"JPEGImages/{number}.png" for number in range(6)])
    for name in ("Annotations", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for number in range(6):
        objects = "".join(
            f"<object><name>{label}</name><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin><xmax>{x2}</xmax>"
            f"<ymax>{y2}</ymax></bndbox></object>"
            for label, (x1, y1, x2, y2) in OBJECTS[: number % 3 + 1]
        )
        (folder / "Annotations" / f"{number}.xml").write_text(
            f"<annotation><size><width>{WIDTH}</width><height>{HEIGHT}</height></size>{objects}</annotation>"
        )
    (folder / "ImageSets/Main/train.txt").write_text("0\n1\n2\n")
    (folder / "ImageSets/Main/val.txt").write_text("3\n4\n5\n")


def write_phrases(folder: Path) -> None:
    write_images(folder, [f"{number}.png" for number in range(6)])
    for split, numbers in (("train", (0, 1, 2)), ("val", (3, 4, 5))):
        rows = [
            {
                "image": f"{number}.png",
                "expression": f"the {label} {number}",
                "bbox": box if number % 3 else None,
            }
            for number in numbers
            for label, box in OBJECTS[:2]
        ]
        (folder / f"{split}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


WRITERS = {"coco_json": write_coco_json, "yolo": write_yolo, "voc": write_voc, "phrases": write_phrases}


@pytest.mark.parametrize("answer_format", ["objects", "json"])
@pytest.mark.parametrize("prompt", ["task", "categories", "category"])
@pytest.mark.parametrize("kind", ["coco_json", "yolo", "voc"])
def test_annotated_images(
    tmp_path: Path, recipe_for: Make, kind: str, prompt: str, answer_format: str
) -> None:
    WRITERS[kind](tmp_path / "source")
    recipe = recipe_for(kind, answer_format=answer_format, prompt=prompt, max_objects=2, overflow="turns")
    if prompt == "category":
        recipe = dataclasses.replace(recipe, negatives=dataclasses.replace(recipe.negatives, share=0.4))
    prepare_dataset(recipe)
    assert_accepted(tmp_path / "dataset")


@pytest.mark.parametrize("kind", sorted(set(SOURCES) - set(WRITERS) - {"records", "coco_parquet"}))
def test_files_of_tools(tmp_path: Path, recipe_for: Make, kind: str) -> None:
    make, write = SOURCES[kind]
    write(make(), tmp_path / "source")
    asks = {"prompt": "expression"} if kind in EXPRESSION_KINDS else {}
    card = prepare_dataset(recipe_for(kind, SETTINGS.get(kind, {}), val_ratio=0.25, **asks))
    assert (card.counts["train"]["images"], card.counts["val"]["images"]) == (3, 1)
    assert_accepted(tmp_path / "dataset")


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_expressions(tmp_path: Path, recipe_for: Make, answer_format: str) -> None:
    WRITERS["phrases"](tmp_path / "source")
    prepare_dataset(recipe_for("phrases", answer_format=answer_format, prompt="expression"))
    assert_accepted(tmp_path / "dataset")


@pytest.mark.parametrize("show", ["outline", "spotlight", "text"])
@pytest.mark.parametrize("kind", sorted(set(SOURCES) - {"records", "coco_parquet"}))
def test_yes_no_questions_about_every_source(tmp_path: Path, recipe_for: Make, kind: str, show: str) -> None:
    make, write = SOURCES[kind]
    write(make(), tmp_path / "source")
    asks = {"prompt": "expression"} if kind in EXPRESSION_KINDS else {}
    recipe = recipe_for(kind, SETTINGS.get(kind, {}), val_ratio=0.25, **asks)
    card = prepare_dataset(dataclasses.replace(recipe, yes_no=YesNoQuestions(0.6, show)))
    assert (card.counts["train"]["images"], card.counts["val"]["images"]) == (3, 1)
    assert card.counts["train"]["yes_no"] > 0
    assert_accepted(tmp_path / "dataset")
    (question,) = {question.text for question in read_questions(tmp_path / "dataset", "val")} & {
        question.text for question in read_questions(tmp_path / "dataset", "val", 1)
    }
    assert "yes or no" not in question.lower()


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_coco_parquet(
    tmp_path: Path, make_row: Make, write_rows: Make, recipe_for: Make, answer_format: str
) -> None:
    for split, numbers in (("train", range(1, 6)), ("val", range(11, 14))):
        rows = [make_row(number, image={"bytes": picture(number), "path": None}) for number in numbers]
        write_rows(tmp_path / "source" / f"{split}-00000-of-00001.parquet", rows)
    source = {"hub": "local", "path": str(tmp_path / "source")}
    prepare_dataset(
        recipe_for("coco_parquet", source, categories=["cat", "dog"], answer_format=answer_format)
    )
    assert_accepted(tmp_path / "dataset")
