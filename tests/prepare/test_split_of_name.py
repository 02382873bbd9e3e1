"""Names of files and folders, and the splits that they tell."""

from pathlib import Path

import pytest

from prepare.locate import find_jsonl
from prepare.split_of_name import split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        *(("val", "val"), ("instances_val2017", "val"), ("Valid", "val"), ("my-validation.set", "val")),
        *(("retrieval", None), ("medieval_val", "val"), ("interval1", None), ("valset", None)),
        *(("train_eval", "val"), ("test2017", "test"), ("contest", None), ("training", "train")),
    ],
)
def test_whole_words_tell(name: str, split: str | None, tmp_path: Path) -> None:
    assert split_of(name) == split
    (tmp_path / f"{name}.jsonl").touch()
    assert list(find_jsonl(tmp_path / f"{name}.jsonl")) == ["val" if split == "val" else "train"]
