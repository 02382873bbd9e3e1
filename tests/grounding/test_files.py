import os
from pathlib import Path

import pytest

from grounding import files
from grounding.errors import UserError
from grounding.files import (
    find_outside,
    is_regular,
    is_unicode,
    lies_inside,
    parse_json,
    read_json,
    read_jsonl,
    replacing,
    write_json,
    write_jsonl,
)


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


def test_a_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    for read in (read_json, lambda path: list(read_jsonl(path))):
        with pytest.raises(UserError, match="not a regular file"):
            read(tmp_path / "x.json")
    assert not is_regular(tmp_path / "x.json")
    assert not is_regular(tmp_path / ("x" * 300))
    assert not is_regular(tmp_path / "x\0")


@pytest.mark.parametrize("levels", [65, 900, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_of_many_levels_is_refused(tmp_path: Path, levels: int, opening: str) -> None:
    text = opening * levels + "1" + ("]" if opening == "[" else "}") * levels
    with pytest.raises(ValueError, match="more than 64 levels"):
        parse_json(text)
    (tmp_path / "x.jsonl").write_text(f'{{}}\n{{"a": {text}}}\n')
    with pytest.raises(UserError, match=r"x\.jsonl, line 2: .*more than 64 levels"):
        list(read_jsonl(tmp_path / "x.jsonl"))


def test_many_lists_are_not_many_levels() -> None:
    assert len(parse_json("[" + "[[1]]," * 1000 + "{}]")) == 1001


def test_a_line_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 100)
    path = tmp_path / "x.jsonl"
    path.write_text(f'{{"a": "{"b" * 90}"}}\n{{"a": "{"b" * 100}"}}\n')
    with pytest.raises(UserError, match=r"x\.jsonl, line 2: longer than 100 characters"):
        list(read_jsonl(path))


def test_what_lies_outside_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    (tmp_path / "data_too").mkdir()
    (tmp_path / "secret.png").write_text("")
    (folder / "images/a.png").write_text("")
    (folder / "link.png").symlink_to("../secret.png")
    (folder / "again.png").symlink_to("images/a.png")
    (folder / "elsewhere").symlink_to("../data_too")
    (tmp_path / "alias").symlink_to("data")
    inside = ["images/a.png", "images/gone.png", "again.png", "images/../images/a.png", ".", "x\0", "n" * 300]
    outside = [
        "../secret.png",
        "../gone",
        "link.png",
        "elsewhere/b.png",
        "/etc/passwd",
        "images/../../secret.png",
    ]
    for root in (folder, tmp_path / "alias"):
        paths = [root / name for name in (*inside, *outside)]
        assert list(find_outside(paths, root)) == paths[len(inside) :]
    assert lies_inside(folder / "images/a.png", tmp_path / "alias")
    assert not lies_inside(tmp_path / "data_too/a.png", folder)


def test_texts_that_utf8_can_write() -> None:
    assert is_unicode("杯 🙂")
    assert not is_unicode("half \ud83d")
    assert parse_json(r'{"a": "\ud83d\ude42"}') == {"a": "🙂"}
    for text in (r'{"a": "\ud83d"}', rb'{"\ude42": 1}'):
        with pytest.raises(ValueError, match="half of a surrogate pair"):
            parse_json(text)
