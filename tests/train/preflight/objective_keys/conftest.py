import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def files_of_words(drawn_data: Path, tmp_path: Path) -> dict[str, str]:
    """The keys of a recipe that name training data whose answers have numbers, and no box."""
    data = tmp_path / "words"
    shutil.copytree(drawn_data / "images", data / "images")
    rows = [json.loads(line) for line in (drawn_data / "train.jsonl").read_text().splitlines()]
    for row in rows:
        row["messages"][-1]["content"] = "There are 3 of 12."
        del row["objects"]
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return dict.fromkeys(("train_dataset_path", "eval_dataset_path"), str(data / "train.jsonl"))
