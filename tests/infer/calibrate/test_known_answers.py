import json
from pathlib import Path

import pytest

from grounding.boxes import Box
from grounding.yes_no.yes_no_mark import TRUTH, YES_NO_KEY
from infer.calibrate.known_answers import read_known_answers
from tests.infer.doubtful_engine import LABEL, true_start, write_doubtful_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_doubtful_dataset(tmp_path / "data", {"calibration": 4, "val": 2, "train": 3})


def test_the_calibration_part_has_its_annotations(dataset: Path) -> None:
    known = read_known_answers(dataset, None)
    assert known.split == "calibration"
    assert [question.image_id for question in known.questions] == [1, 2, 3, 4]
    starts = [true_start(question.image) / 100 for question in known.questions]
    assert [[(item.label, item.box.x1) for item in objects] for objects in known.objects] == [
        [(LABEL, start)] for start in starts
    ]
    assert len(read_known_answers(dataset, 3).questions) == 3


def test_crowd_regions_are_apart(dataset: Path) -> None:
    path = dataset / "annotations_calibration.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["annotations"][1]["iscrowd"] = 1
    path.write_text(json.dumps(content), encoding="utf-8")
    known = read_known_answers(dataset, None)
    assert [len(objects) for objects in known.objects] == [1, 0, 1, 1]
    assert [len(crowds) for crowds in known.crowds] == [0, 1, 0, 0]


def test_training_records_tell_the_truth_by_their_own_answers(
    dataset: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (dataset / "calibration.jsonl").unlink()
    rows = [json.loads(line) for line in (dataset / "train.jsonl").read_text().splitlines()]
    rows[0]["messages"] = [
        {"role": "user", "content": "<image>Task: Object Detection"},
        {"role": "assistant", "content": "<ref-object><bbox>, <ref-object><bbox>"},
        {"role": "user", "content": "What else?"},
        {"role": "assistant", "content": "<ref-object><bbox>"},
    ]
    boxes = [[0, 0, 100, 100], [0, 0, 100, 100], [500, 500, 1000, 1000]]
    rows[0]["objects"] = {"ref": ["cat", "cat", "dog"], "bbox": boxes}
    rows[1] |= {
        "objects": None,
        "messages": [rows[1]["messages"][0], {"role": "assistant", "content": "None."}],
    }
    (dataset / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    known = read_known_answers(dataset, None)
    assert known.split == "train"
    assert "fitted on images of train.jsonl, which the model may have been trained on" in caplog.text
    # The first question alone is asked: what later turns name is no object that it asks for.
    assert [(item.label, item.box) for item in known.objects[0]] == [("cat", Box(0, 0, 1, 1))]
    assert known.objects[1] == ()
    assert len(known.objects[2]) == 1
    assert len(read_known_answers(dataset, 2).questions) == 2


def test_yes_no_records_between_the_others_shift_no_answer(dataset: Path) -> None:
    (dataset / "calibration.jsonl").unlink()
    before = read_known_answers(dataset, None)
    rows = (dataset / "train.jsonl").read_text().splitlines()
    asked = json.loads(rows[0])
    asked["messages"][-1] = {"role": "assistant", "content": "yes"}
    yes_no = json.dumps(asked | {YES_NO_KEY: TRUTH, "objects": None})
    (dataset / "train.jsonl").write_text("".join(f"{yes_no}\n{row}\n" for row in rows))
    assert read_known_answers(dataset, None) == before
