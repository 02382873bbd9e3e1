"""Turns the small data set into one whose questions show several pictures."""

import json
from pathlib import Path
from typing import Any

GROUPS = ((101, 102), (103, 104, 105), (106,), (107,))
"""The image ids of each question."""

PLACES = [(group, place) for group in GROUPS for place in range(len(group))]


def join_questions(folder: Path, *splits: str) -> None:
    """Write the records of these splits anew, each with the pictures of a group; annotations stay."""
    for split in splits or ("val",):
        path = folder / f"{split}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        by_id = {int(Path(row["images"][0]).stem): row for row in rows}
        joined = [_joined([by_id[number] for number in group]) for group in GROUPS]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in joined), encoding="utf-8")


def _joined(rows: list[dict[str, Any]]) -> dict[str, Any]:
    if len(rows) == 1:
        return rows[0]
    question = "".join("<image>" for _ in rows) + "Task: Object Detection"
    answer = "\n".join(f"Image {number}: <ref-object><bbox>" for number in range(1, len(rows) + 1))
    return {
        "messages": [
            *(message for message in rows[0]["messages"] if message["role"] == "system"),
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ],
        "images": [row["images"][0] for row in rows],
        "objects": {
            "ref": [row["objects"]["ref"][0] for row in rows],
            "bbox": [row["objects"]["bbox"][0] for row in rows],
            "image_id": list(range(len(rows))),
        },
    }


def right_answer(count: int) -> str:
    """Return the right answer about so many pictures, as it is written."""
    found = "<|object_ref_start|>red square<|object_ref_end|><|box_start|>(100,100),(500,500)<|box_end|>"
    if count == 1:
        return found
    return "\n".join(f"Image {number}: {found}" for number in range(1, count + 1))
