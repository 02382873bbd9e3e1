import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    ANNOTATION_WITHOUT_IMAGE,
    EXPRESSION_IN_NO_SPLIT,
    EXPRESSION_UNREADABLE,
    EXPRESSION_WITHOUT_BOX,
)
from tests.prepare.sources.formats.drawn_source import HEIGHT, WIDTH, boxes_in, write_pictures

Make = Callable[..., Any]
SPLITS = ("train", "val", "testA", "testB")
NAMES = [f"COCO_train2014_{number:012d}.png" for number in range(4)]


def ref(number: int, split: str, *texts: Any, ann: int | None = None) -> dict[str, Any]:
    sentences = [
        {"sent_id": position, "sent": text, "raw": str(text), "tokens": str(text).split()}
        for position, text in enumerate(texts)
    ]
    ann_id = number if ann is None else ann
    named = {"ref_id": number, "ann_id": ann_id, "image_id": number, "category_id": 1}
    return named | {"file_name": f"{number}_1.jpg", "split": split, "sentences": sentences, "sent_ids": [1]}


def instances() -> dict[str, Any]:
    images = [
        {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for number, name in enumerate(NAMES)
    ]
    boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [10 + n, 10, 50, 30]} for n in range(4)]
    boxes.append({"id": 9, "image_id": 0, "category_id": 1, "bbox": [100, 10, 50, 30]})
    return {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(refs: Any, name: str = "refs(unc).p", protocol: int = 0) -> Path:
        folder = tmp_path / "source/refcoco"
        write_pictures(tmp_path / "source/images/train2014", NAMES)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(refs if isinstance(refs, bytes) else pickle.dumps(refs, protocol))
        (folder / "instances.json").write_text(json.dumps(instances()))
        return folder / name

    return make


@pytest.fixture
def recipe(recipe_for: Make) -> Make:
    def make(source: dict[str, Any] | None = None, **changes: Any) -> Any:
        return recipe_for("refcoco", source, prompt="expression", **changes)

    return make


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_splits_stay_apart(protocol: int, write: Make, recipe: Make, tmp_path: Path) -> None:
    write([ref(n, split, f"the {split} one") for n, split in enumerate(SPLITS)], protocol=protocol)
    for number, choice in ((1, None), (2, "testA"), (3, "testB")):
        card = prepare_dataset(recipe({"val_split": choice}, overwrite=True))
        assert card.dropped == {EXPRESSION_IN_NO_SPLIT: 2}
        found = boxes_in(tmp_path / "dataset", NAMES)
        assert found == {NAMES[0]: [("the train one", [10, 10, 60, 40])]}
        label, box = f"the {SPLITS[number]} one", [10 + number, 10, 60 + number, 40]
        assert boxes_in(tmp_path / "dataset", NAMES, "val") == {NAMES[number]: [(label, box)]}
        assert (tmp_path / f"dataset/images/{number:012d}.png").is_file()  # COCO's own id


def test_expressions(write: Make, recipe: Make, read_rows: Make) -> None:
    """Each sentence is a question; the same one about two objects is one question with both boxes."""
    write([ref(0, "train", "left one", "cat  left"), ref(0, "train", "left one", ann=9), ref(1, "val", "a")])
    assert prepare_dataset(recipe()).counts["train"]["records"] == 2
    rows = [row["objects"] for row in read_rows("train")]
    two = [[50, 100, 300, 400], [500, 100, 750, 400]]
    assert {"ref": ["left one"] * 2, "bbox": two} in rows
    assert {"ref": ["cat left"], "bbox": two[:1]} in rows


def test_what_is_left_out_is_counted(write: Make, recipe: Make) -> None:
    refs = [
        ref(0, "train", "a", "", 5, None),
        ref(1, "train", "b", "c", ann=77),
        ref(9, "train", "d", ann=1),
        ref(1, "val", "e"),
        ref(2, "test", "f"),
    ]
    write(refs)
    assert prepare_dataset(recipe()).dropped == {
        EXPRESSION_UNREADABLE: 3,
        EXPRESSION_WITHOUT_BOX: 2,
        ANNOTATION_WITHOUT_IMAGE: 1,
        EXPRESSION_IN_NO_SPLIT: 1,
    }


def test_a_pickle_of_python_2(write: Make, recipe: Make, tmp_path: Path) -> None:
    """Texts are byte strings there (opcode U), and are taken as UTF-8."""
    text = pickle.dumps([ref(0, "train", "CAFE"), ref(1, "val", "b")], 2)
    old = text.replace(b"X\x04\x00\x00\x00CAFE", b"U\x05caf\xc3\xa9")
    assert old != text
    write(old)
    prepare_dataset(recipe())
    assert boxes_in(tmp_path / "dataset", NAMES) == {NAMES[0]: [("café", [10, 10, 60, 40])]}


class Call:
    def __init__(self, function: Any, *words: object) -> None:
        self.call = function, words

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_code_is_refused_and_not_run(protocol: int, write: Make, recipe: Make, tmp_path: Path) -> None:
    command = f"touch {tmp_path / 'written'}"
    write(pickle.dumps([ref(0, "train", Call(os.system, command))], protocol))
    with pytest.raises(
        UserError, match=r"refs\(unc\)\.p: refers to (posix|nt|os)\.system: plain values name no"
    ):
        prepare_dataset(recipe())
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not readable as a pickle"),
        (pickle.dumps([ref(0, "train", "a")])[:40], "not readable as a pickle"),
        (b"\x80\x02]r\xff\xff\xff\x7f.", "takes more than|not readable as a pickle"),  # a memo of 2^31 places
        (b"\x80\x02" + b"(" * 10 + b".", "not readable as a pickle"),
        (pickle.dumps({"a": 1}), "a list of refs is needed, there is dict"),
        (pickle.dumps([5]), r"refs\[0\]: a dict with a list `sentences` is needed"),
        (pickle.dumps([ref(0, "train", "a") | {"ann_id": [1]}]), r"refs\[0\]\.ann_id: a number or a text"),
        (pickle.dumps([ref(0, "val", "a")]), r"source\.train_files: .*no split 'train'; there are val"),
    ],
)
def test_what_is_refused(content: bytes, message: str, write: Make, recipe: Make) -> None:
    write(content)
    with pytest.raises(UserError, match=message):
        prepare_dataset(recipe())


def test_which_file_and_which_split(write: Make, recipe: Make) -> None:
    refs = [ref(0, "train", "a"), ref(1, "val", "b")]
    write(refs)
    with pytest.raises(UserError, match=r"source\.val_split: .*no split 'testA'; there are train, val"):
        prepare_dataset(recipe({"val_split": "testA"}))
    write(refs, "refs(google).p")
    with pytest.raises(
        UserError, match=r"fits refcoco/refs\(google\)\.p, refcoco/refs\(unc\)\.p: set it to one"
    ):
        prepare_dataset(recipe())
    assert prepare_dataset(recipe({"train_files": "refcoco/refs(unc).p"})).counts["val"]["records"] == 1
    with pytest.raises(UserError, match=r"source\.val_files: the splits are in the file .*source\.val_split"):
        prepare_dataset(recipe({"val_files": "x"}))
