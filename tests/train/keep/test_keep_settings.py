import re
from pathlib import Path
from typing import Any

import pytest

from train.keep.keep_settings import KeepEntry, read_keep_entries


def test_sets_have_the_names_of_their_folders_or_files() -> None:
    given = ["data/shapes", "data/replay/val.jsonl", "data/talk.jsonl", {"path": "data/a b", "name": "ab"}]
    assert [entry.name for entry in read_keep_entries(given)] == ["shapes", "replay", "talk", "ab"]
    assert read_keep_entries([{"path": "x", "samples": 8}]) == (KeepEntry("x", Path("x"), 8),)
    assert read_keep_entries(None) == read_keep_entries([]) == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("data/old", "grounding_keep: 'data/old' is no list"),
        ({"path": "data/old"}, "is no list"),
        ([3], "grounding_keep: 3: write a path"),
        ([""], "write a path"),
        ([{"name": "old"}], "write a path"),
        ([{"path": "a", "sample": 3}], "unknown key 'sample', did you mean 'samples'"),
        ([{"path": "a", "samples": 0}], "samples: 0 must be a number from 1 on"),
        ([{"path": "a", "samples": True}], "samples: True must be"),
        ([{"path": "a", "samples": "8"}], "samples: '8' must be"),
        (["a b"], "a b: 'a b' cannot be a set's name"),
        ([{"path": "a", "name": "../a"}], "'../a' cannot be a set's name"),
        ([{"path": "a", "name": 3}], "'3' cannot be a set's name"),
        (["data/base"], "'base' cannot be a set's name"),
        (["a/old", "b/old"], "a/old and b/old both have the name 'old': write {path: b/old, name: ANOTHER}"),
        (["a/old", "a/old"], "both have the name 'old'"),
        (["old.jsonl", {"path": "b", "name": "old"}], "both have the name 'old'"),
    ],
)
def test_what_is_no_list_of_sets_is_said(given: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_keep_entries(given)


def test_folders_without_annotations_hold_general_prompts(tmp_path: Path) -> None:
    assert KeepEntry("a", tmp_path).prompts_file == tmp_path / "val.jsonl"
    (tmp_path / "annotations_val.json").write_text("{}")
    assert KeepEntry("a", tmp_path).prompts_file is None
    assert KeepEntry("a", tmp_path / "val.jsonl").prompts_file == tmp_path / "val.jsonl"
