"""The training images of each category."""

import json
from pathlib import Path
from typing import Any

from infer.scoring.kinds.training_images import count_training_images
from tests.infer.several_pictures import join_questions


def record(image: str, content: str, objects: dict[str, Any] | None = None) -> dict[str, Any]:
    messages = [{"role": "user", "content": "<image>Find"}, {"role": "assistant", "content": content}]
    return {"messages": messages, "images": [image]} | ({} if objects is None else {"objects": objects})


def test_images_count_once_in_every_answer_format(tmp_path: Path) -> None:
    box = [1, 2, 300, 400]
    both = {"ref": ["cat", "cat"], "bbox": [box, box]}
    asked = {"ref": ["dog", "cat"], "bbox": [box]}  # the question names a dog, the answer a cat
    rows = [
        record("a.png", "<ref-object><bbox><ref-object><bbox>", both),
        record("a.png", "<ref-object><bbox>", {"ref": ["cat"], "bbox": [box]}),
        record("b.png", '[{"bbox_2d": [1, 2, 300, 400], "label": "cat"}]'),
        record("b.png", "[]"),
        record("c.png", "<ref-object><bbox>", asked),
    ]
    rows[4]["messages"][0]["content"] = "<image>Is there a <ref-object>?"
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert count_training_images(tmp_path) == {"cat": 3}
    with (tmp_path / "train.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(rows[0] | {"images": ["d.png"]}) + "\n")
    assert count_training_images(tmp_path) == {"cat": 4}
    (tmp_path / "train.jsonl").unlink()
    assert count_training_images(tmp_path) is None


def test_an_object_counts_in_its_own_picture(dataset: Any) -> None:
    join_questions(dataset.path, "train")
    assert count_training_images(dataset.path) == {"red square": 7}
