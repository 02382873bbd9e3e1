"""JSON files that would take a parser all time or memory are refused before it reads them."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.errors import UserError
from grounding.files import MOST_LEVELS
from prepare.sources.shared import json_shape
from prepare.sources.shared.json_shape import check_shape
from prepare.sources.shared.json_stream import stream_lists


def refuse(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.json: not readable as JSON") as caught:
        list(stream_lists(path, ["a"]))
    return str(caught.value)


@pytest.mark.parametrize("opening", ["[", '{"a": ', "[[],", '[{"]": []}, '])
def test_many_levels(tmp_path: Path, opening: str) -> None:
    assert "more than 64 levels" in refuse(tmp_path / "x.json", f'{{"a": [{opening * 100_000}'.encode())


@pytest.mark.parametrize("piece", ["b", r"\"", r"\\", "[", r"\n"])
def test_a_text_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: str) -> None:
    monkeypatch.setattr(json_shape, "LONGEST_TEXT", 10_000)
    monkeypatch.setattr(json_shape, "CHUNK", 1000)
    content = f'{{"a": ["{piece * 40_000}"]}}'.encode()
    assert "a text of more than 10,000 bytes" in refuse(tmp_path / "x.json", content)


@pytest.mark.parametrize("text", [r"\ud83d", r"\ude42\ud83d", r"\uD83D\u0041"])
def test_half_a_surrogate_pair(tmp_path: Path, text: str) -> None:
    assert "half of a surrogate pair" in refuse(tmp_path / "x.json", f'{{"a": ["{text}"]}}'.encode())


leaves = st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('[]{}"\\/,:a🙂\n'))
contents = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner))


@given(content=contents, chunk=st.integers(1, 50), is_ascii=st.booleans())
def test_good_json_passes_wherever_it_is_cut(content: Any, chunk: int, is_ascii: bool) -> None:
    text = json.dumps({"a": content}, ensure_ascii=is_ascii).encode()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_shape, "CHUNK", chunk)
        patched.setattr(json_shape, "_check_surrogates", lambda file: None)  # it needs a file on disk
        patched.setattr(json_shape, "LONGEST_TEXT", len(text))
        check_shape(io.BytesIO(text))


@given(levels=st.integers(1, 500), chunk=st.integers(1, 500), pair=st.sampled_from((b"[]", b"{}")))
def test_the_bound_of_levels(levels: int, chunk: int, pair: bytes) -> None:
    text = pair[:1] * levels + pair[1:] * levels
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_shape, "CHUNK", chunk)
        patched.setattr(json_shape, "_check_surrogates", lambda file: None)
        if levels <= MOST_LEVELS:
            check_shape(io.BytesIO(text))
        elif levels > 2 * MOST_LEVELS:
            with pytest.raises(ValueError, match="levels"):
                check_shape(io.BytesIO(text))


def test_pairs_and_texts_that_only_look_so_pass(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"a": ["🙂", "[" * 500, "\\" * 1001, '"' * 77]}))
    assert [item for _, item in stream_lists(path, ["a"])] == ["🙂", "[" * 500, "\\" * 1001, '"' * 77]
