import json

import pytest

from prepare.sources.signs.json_head import first_rows, json_head


def test_keys_of_an_object_of_lists() -> None:
    head = json_head(b'{"images": [{"id": 1, "size": {"w": 2}}], "info": {}}')
    assert head.paths == {("images",), ("images", "[]", "id"), ("images", "[]", "size"), ("info",)} | {
        ("images", "[]", "size", "w")
    }
    assert head.has("images", "[]", "*")
    assert not head.has("images", "*")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_that_is_cut_keeps_the_keys_before(mark: bytes) -> None:
    whole = mark + json.dumps([{"a": n, "b": {"c": "x" * 100}} for n in range(50)]).encode()
    for length in (300, 1000, 3000):
        assert json_head(whole[:length]).has("[]", "b", "c")
        assert first_rows(whole[:length])[0]["a"] == 0


def test_lines_and_lists_give_rows() -> None:
    rows = [{"a": n} for n in range(20)]
    lines = "\n".join(map(json.dumps, rows)).encode()
    assert first_rows(lines)[:3] == first_rows(json.dumps(rows).encode())[:3] == rows[:3]
    assert json_head(lines).has("a")


@pytest.mark.parametrize("head", [b"", b"hello", b"\x00\xff", b"12 13", b'"text"'])
def test_what_is_no_object_has_no_keys(head: bytes) -> None:
    assert json_head(head).paths == frozenset()
    assert first_rows(head) == []
