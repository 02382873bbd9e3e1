from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.files import read_json, read_jsonl, replacing, write_json, write_jsonl


def test_jsonl_round_trip(tmp_path: Path) -> None:
    rows = [{"a": "杯"}, {"a": 2}]
    write_jsonl(tmp_path / "deep" / "x.jsonl", rows)
    assert list(read_jsonl(tmp_path / "deep" / "x.jsonl")) == [(1, rows[0]), (2, rows[1])]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"old": True})

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert read_json(path) == {"old": True}
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_json(tmp_path / "file" / "x.json", {})


@pytest.mark.parametrize("content", [b"{\n", b"[1]\n", b"\xff\n"])
def test_bad_lines_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.jsonl"):
        list(read_jsonl(path))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        list(read_jsonl(tmp_path / "x.jsonl"))
    with pytest.raises(UserError, match="no such file"):
        read_json(tmp_path / "x.json")
