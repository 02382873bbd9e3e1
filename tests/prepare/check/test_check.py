"""The check of a data set: silent on a good one, and every kind of fault found on its line."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare.check import dataset as check_files
from prepare.check import image_bytes as check_images
from prepare.check import rows as check_records
from prepare.check.__main__ import check_dataset, main
from prepare.check.findings import Report
from prepare.check.rows import Contract, check_record
from prepare.pipeline import prepare_dataset
from prepare.reasons import IMAGE_DOES_NOT_DECODE

Make = Callable[..., Any]
Record = dict[str, Any]
ROOT = Path(__file__).parents[3]


def record(**changes: Any) -> Record:
    made: Record = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "<image>What is there?"},
            {"role": "assistant", "content": "<ref-object><bbox>, <ref-object><bbox>"},
        ],
        "images": ["images/1.jpg"],
        "objects": {"ref": ["cat", "dog"], "bbox": [[0, 0, 10, 10], [5, 5, 1000, 1000]]},
    }
    return made | changes


def saying(content: str, **changes: Any) -> Record:
    made = record(**changes)
    made["messages"][2]["content"] = content
    if "objects" not in changes:
        del made["objects"]
    return made


def kinds(content: Any, contract: Contract = Contract()) -> set[str]:  # noqa: B008
    return {kind for kind, _ in check_record(content, contract)}


GOOD = [
    record(),
    saying("<ref-object><bbox><bbox>", objects={"ref": ["cat"], "bbox": [[0, 0, 1, 1], [2, 2, 3, 3]]}),
    saying('[{"bbox_2d": [1, 2, 3, 4], "label": "cat"}]'),
    saying('```json\n[{"bbox_2d": [1, 2, 3, 4], "label": "cat"}]\n```'),
    saying("[]"),
    saying("None of them is in the image."),
    saying("<|object_ref_start|>cat<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"),
    saying("A cat sits on a mat."),
]

BAD = [
    (3, check_records.NOT_JSON),
    (record(messages=[]), check_records.BAD_MESSAGES),
    (record(messages=record()["messages"][:2]), check_records.BAD_MESSAGES),
    (record(messages=record()["messages"][::-1]), check_records.BAD_MESSAGES),
    (record(messages=[{"role": "user", "content": None}]), check_records.BAD_MESSAGES),
    (record(images="images/1.jpg"), check_records.BAD_IMAGES),
    (record(images=["images/1.jpg", "images/2.jpg"]), check_records.IMAGE_COUNT),
    (saying("<image>[]"), check_records.IMAGE_PLACE),
    (record(objects=[1]), check_records.BAD_OBJECTS),
    (record(objects={"ref": ["cat"], "bbox": [[0, 0, 1, 1], [2, 2, 3, 3]]}), check_records.REF_COUNT),
    (record(objects={"ref": ["cat", "dog"], "bbox": [[0, 0, 1, 1]]}), check_records.BOX_COUNT),
    (record(objects=None), check_records.BOX_COUNT),
    (saying("<bbox><ref-object>", objects={"ref": ["a"], "bbox": [[0, 0, 1, 1]]}), check_records.BOX_FIRST),
    (record(objects={"ref": ["cat", " "], "bbox": [[0, 0, 1, 1], [2, 2, 3, 3]]}), check_records.BAD_LABEL),
    (
        record(objects={"ref": ["cat", "<bbox>"], "bbox": [[0, 0, 1, 1], [2, 2, 3, 3]]}),
        check_records.BAD_LABEL,
    ),
    (saying('[{"bbox_2d": [1, 2, 3, 4]}]'), check_records.BAD_LABEL),
    (saying('[{"bbox_2d": [1, 2, 3], "label": "cat"}]'), check_records.NOT_FOUR),
    (saying('[{"label": "cat"}]'), check_records.NOT_FOUR),
    (saying('[{"bbox_2d": [1, 2, 3, 4.5], "label": "cat"}]'), check_records.NOT_INTEGER),
    (saying('[{"bbox_2d": [1, 2, 3, 1001], "label": "cat"}]'), check_records.OUT_OF_RANGE),
    (saying('[{"bbox_2d": [3, 2, 3, 10], "label": "cat"}]'), check_records.NO_AREA),
    (saying('[{"bbox_2d": [1, 2, 3, 4], "lab'), check_records.BAD_ANSWER),
    (saying("<|box_start|>(1,2),(3,4)<|box_end|>"), check_records.BAD_LABEL),
    (saying("cat<|box_start|>(9,2),(3,4)<|box_end|>"), check_records.NO_AREA),
    (record(objects={"ref": ["cat"] * 2, "bbox": [[0, 0, 9, 9]] * 2}), check_records.TWICE_IN_ANSWER),
]


@pytest.mark.parametrize("content", GOOD)
def test_good_records(content: Record) -> None:
    assert kinds(content) == set()


@pytest.mark.parametrize(("content", "kind"), BAD, ids=[kind for _, kind in BAD])
def test_every_fault_of_a_record_is_found(content: Any, kind: str) -> None:
    assert kind in kinds(content)


@pytest.mark.parametrize(
    ("content", "contract", "kind"),
    [
        (record(), Contract(labels=frozenset({"cat"})), check_records.UNKNOWN_LABEL),
        (record(), Contract(system_prompt="Be long."), check_records.OTHER_SYSTEM),
        (saying("A cat."), Contract(answer_format="json"), check_records.BAD_ANSWER),
        (saying("A cat."), Contract(answer_format="objects"), check_records.BAD_ANSWER),
    ],
)
def test_the_card_promises_more(content: Record, contract: Contract, kind: str) -> None:
    assert kinds(content) == set()
    assert kinds(content, contract) == {kind}


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["messages", "images", "objects"]), json_values)
def test_no_content_makes_the_check_itself_fail(key: str, value: Any) -> None:
    list(check_record(record(**{key: value}), Contract(frozenset({"cat"}), "Be brief.", "objects")))
    list(check_record(record(objects={"ref": value, "bbox": value}), Contract()))
    list(check_record(saying(json.dumps(value)), Contract(answer_format="json")))


@pytest.fixture
def dataset(tmp_path: Path, make_row: Make, write_rows: Make, make_recipe: Make, png: Make) -> Path:
    def picture(i: int) -> dict[str, Any]:
        return {"image": {"bytes": png(40, 20, "JPEG", comment=str(i).encode()), "path": None}}

    write_rows(
        tmp_path / "source/train-00000-of-00001.parquet", [make_row(i, **picture(i)) for i in range(1, 9)]
    )
    write_rows(
        tmp_path / "source/val-00000-of-00001.parquet", [make_row(i, **picture(i)) for i in range(11, 14)]
    )
    prepare_dataset(make_recipe(total_samples=None))
    return tmp_path / "dataset"


def change(path: Path, line: int, **changes: Any) -> None:
    rows = [json.loads(text) for text in path.read_text().splitlines()]
    rows[line - 1] |= changes
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def find(report: Report) -> dict[str, list[tuple[str, int]]]:
    return {kind: [(item.file.name, item.line) for item in first] for kind, first in report.first.items()}


def test_a_prepared_data_set_is_sound(dataset: Path) -> None:
    report = check_dataset(dataset)
    assert (report.records, report.images, report.counts) == (11, 11, {})
    assert main([str(dataset)]) == 0


def test_without_a_card_too(dataset: Path) -> None:
    (dataset / "card.json").unlink()
    change(dataset / "train.jsonl", 2, objects={"ref": ["unicorn"], "bbox": [[1, 1, 2, 2]]})
    assert check_dataset(dataset / "train.jsonl").counts == {}


def test_faults_of_files_are_found_on_their_lines(dataset: Path) -> None:
    images = sorted((dataset / "images").iterdir())
    train, val = images[:8], images[8:]
    names = [json.loads(line)["images"][0] for line in (dataset / "train.jsonl").read_text().splitlines()]
    line_of = {name: number for number, name in enumerate(names, start=1)}

    def line(path: Path) -> int:
        return line_of[f"images/{path.name}"]

    train[0].unlink()
    train[1].write_bytes(train[1].read_bytes()[:-10])
    shutil.copy(val[0], train[2])
    shutil.copy(train[4], train[3])
    truth = json.loads((dataset / "annotations_val.json").read_text())
    truth["images"][0]["width"] += 1
    missing = truth["images"].pop()["file_name"]
    (dataset / "annotations_val.json").write_text(json.dumps(truth))
    with (dataset / "train.jsonl").open("a") as file:
        file.write("{half a line\n" + json.dumps({"messages": [], "images": ["https://x.y/z.jpg"]}) + "\n")
        file.write((dataset / "train.jsonl").read_text().splitlines()[line(train[6]) - 1] + "\n")
    val_lines = [json.loads(text)["images"][0] for text in (dataset / "val.jsonl").read_text().splitlines()]
    report = check_dataset(dataset)
    found = find(report)
    assert found.pop(check_images.MISSING) == [("train.jsonl", line(train[0]))]
    assert found.pop(IMAGE_DOES_NOT_DECODE) == [("train.jsonl", line(train[1]))]
    assert found.pop(check_files.IN_BOTH) == [("train.jsonl", line(train[2]))]
    assert found.pop(check_files.IMAGE_TWICE) == [("train.jsonl", max(line(train[3]), line(train[4])))]
    assert found.pop(check_files.OTHER_SIZE) == [("val.jsonl", 1)]
    assert found.pop(check_files.NOT_ANNOTATED) == [("val.jsonl", val_lines.index(missing) + 1)]
    assert found.pop(check_records.NOT_JSON) == [("train.jsonl", 9)]
    assert found.pop(check_files.REMOTE) == [("train.jsonl", 10)]
    assert found.pop(check_records.BAD_MESSAGES) == [("train.jsonl", 10)]
    assert found.pop(check_files.ASKED_TWICE) == [("train.jsonl", 11)]
    assert found == {}
    assert report.errors == 7


def test_exit_codes_and_limited_print(dataset: Path) -> None:
    for line in range(1, 9):
        change(dataset / "train.jsonl", line, objects={"ref": ["cat"], "bbox": [[1, 1, 2, 2000]]})
    command = [sys.executable, "-m", "prepare.check", str(dataset), "--limit", "3"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    lines = result.stdout.splitlines()
    assert lines[0] == "error: box reaches out of 0..1000 (8)"
    assert lines[1] == f"  {dataset}/train.jsonl, line 1: [1, 1, 2, 2000]"
    assert lines[4:] == ["  and 5 more", "checked 11 records and 11 images: 8 errors, 0 warnings"]


def test_the_recipe_names_the_data_set(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOWNLOAD_SOURCE", raising=False)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"categories: [cat, dog]\noutput_dir: {tmp_path / 'elsewhere'}\n")
    assert main([str(recipe), f"output_dir={dataset}"]) == 0
