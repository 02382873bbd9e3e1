import json
from typing import Any

from infer.asking.dataset_questions import read_questions


def test_records_that_share_an_image_take_its_entries_in_order(dataset: Any) -> None:
    """Of several questions about one image, each has an entry, and an id, of its own."""
    lines = (dataset.path / "val.jsonl").read_text(encoding="utf-8").splitlines()
    truth = json.loads((dataset.path / "annotations_val.json").read_text(encoding="utf-8"))
    truth["images"].insert(2, truth["images"][1] | {"id": 9001})
    truth["images"].append(truth["images"][1] | {"id": 9002})
    (dataset.path / "annotations_val.json").write_text(json.dumps(truth), encoding="utf-8")
    records = [*lines[:2], lines[1], *lines[2:], lines[1]]
    (dataset.path / "val.jsonl").write_text("".join(f"{line}\n" for line in records), encoding="utf-8")
    ids = [question.image_id for question in read_questions(dataset.path, "val")]
    assert ids == [image["id"] for image in truth["images"]]
    assert len(set(ids)) == len(ids)
