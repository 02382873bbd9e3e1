import re
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from tests.train.keep.conftest import SYSTEM, general_row, write_rows
from train.keep.keep_prompts import read_keep_prompts, spread_prompts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"one picture")
    return tmp_path


def read(folder: Path, *rows: dict[str, Any], limit: int = 8) -> Any:
    return read_keep_prompts(write_rows(folder / "p.jsonl", list(rows)), limit)


def test_a_prompt_is_everything_before_the_last_answer(folder: Path) -> None:
    later = [{"role": "user", "content": "And now?"}, {"role": "assistant", "content": "a cat"}]
    row = general_row("What is it?", "a dog", "a.png")
    row["messages"] += later
    [prompt] = read(folder, row)
    parts = [{"type": "image"}, {"type": "text", "text": "What is it?"}]
    first = {"role": "user", "content": parts}
    assert prompt.messages == (SYSTEM, first, {"role": "assistant", "content": "a dog"}, later[0])
    assert prompt.images == (folder / "a.png",)
    assert prompt.answer == "a cat"
    [prompt] = read(folder, {"messages": general_row("Hello.", "Hello!")["messages"][1:]})
    assert (prompt.images, prompt.messages, prompt.answer) == (
        (),
        ({"role": "user", "content": "Hello."},),
        "Hello!",
    )


def test_each_picture_has_its_place(folder: Path) -> None:
    (folder / "b.png").write_bytes(b"another")
    row = general_row("first, <image>second?", "a dog", "a.png")
    row["messages"] += [{"role": "user", "content": "And<image>"}, {"role": "assistant", "content": "a cat"}]
    row["images"] = ["a.png", "b.png", "a.png"]
    [prompt] = read(folder, row)
    first, second = prompt.messages[1]["content"], prompt.messages[-1]["content"]
    assert [part["type"] for part in first] == ["image", "text", "image", "text"]
    assert [part.get("text") for part in second] == ["And", None]
    assert prompt.images == (folder / "a.png", folder / "b.png", folder / "a.png")
    swapped = row | {"images": ["b.png", "a.png", "a.png"]}
    assert len({each.fingerprint for each in read(folder, row, swapped)}) == 2
    row["messages"][2]["content"], row["messages"][3]["content"] = "a<image>", "And?"
    with pytest.raises(
        UserError, match="3 <image> and 3 pictures: a user message must have a place for each"
    ):
        read(folder, row)


def test_an_old_grounding_answer_is_read_as_it_is_trained(folder: Path) -> None:
    row = general_row("Where?", "<ref-object><bbox>", "a.png")
    [prompt] = read(folder, {**row, "objects": {"ref": ["dog"], "bbox": [[1, 2, 3, 4]]}})
    assert prompt.answer == "<|object_ref_start|>dog<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"


def test_the_first_records_are_read(folder: Path) -> None:
    rows = [general_row(f"{number}?", "yes") for number in range(5)]
    asked = [prompt.messages[-1]["content"] for prompt in read(folder, *rows, limit=3)]
    assert asked == ["0?", "1?", "2?"]


def test_prompts_differ_by_their_words_and_by_the_content_of_their_picture(folder: Path) -> None:
    rows = [general_row("a?", "x"), general_row("b?", "x"), general_row("a?", "x", "a.png")]
    seen = {prompt.fingerprint for prompt in read(folder, *rows)}
    (folder / "a.png").write_bytes(b"another picture")
    seen |= {prompt.fingerprint for prompt in read(folder, *rows)}
    assert len(seen) == 4


def turns(*roles: str) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": "words"} for role in roles]}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "`messages` must be a list of messages"),
        ({"messages": [{"role": "user", "content": None}]}, "`messages` must be a list of messages"),
        (turns("system"), "its roles are system: user and assistant must take turns"),
        (turns("user"), "its roles are user: user"),
        (turns("user", "user", "assistant"), "must take turns"),
        (turns("user", "assistant", "user"), "must take turns"),
        (general_row("a?", " \n"), "its last answer is empty"),
        ({**general_row("a?", "x"), "images": ["a.png"]}, "0 <image> and 1 picture"),
        ({**general_row("a?", "x", "a.png"), "images": []}, "1 <image> and 0 picture"),
        ({**general_row("<image>a?", "x", "a.png")}, "2 <image> and 1 picture"),
        ({**general_row("a?", "x", "a.png"), "images": ["a.png", "a.png"]}, "1 <image> and 2 pictures"),
        ({**general_row("a?", "x", "a.png"), "images": [3]}, "a list of paths"),
        (general_row("a<image>?", "x", "a.png") | {"images": ["a.png", "../a.png"]}, "lies outside"),
        (general_row("a?", "x", "b.png"), "no image"),
        (general_row("a?", "x", "../a.png"), "lies outside the file's folder"),
        ({**general_row("a?", "x"), "objects": 3}, "`objects` do not fit"),
    ],
)
def test_a_record_that_is_no_prompt_is_said_with_its_line(
    folder: Path, row: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=rf"p\.jsonl, line 2: .*{re.escape(said)}"):
        read(folder, general_row("a?", "x"), row)


def test_a_file_without_records_is_said(folder: Path) -> None:
    with pytest.raises(UserError, match="no record in it"):
        read(folder)
    with pytest.raises(
        UserError, match=r"none\.jsonl: no such file: make it with `python -m prepare.replay`"
    ):
        read_keep_prompts(folder / "none.jsonl", 3)


@pytest.mark.parametrize(
    ("counts", "taken"),
    [
        ({"a": 100, "b": 100}, [5, 5]),
        ({"a": 2, "b": 100}, [2, 8]),
        ({"a": 100, "b": 1, "c": 100}, [5, 1, 4]),
        ({"a": 1, "b": 2}, [1, 2]),
        ({"a": 0, "b": 20}, [0, 10]),
        (dict.fromkeys("abcdefghijkl", 9), [*[1] * 10, 0, 0]),
    ],
)
def test_prompts_are_spread_over_the_sets(counts: dict[str, int], taken: list[int]) -> None:
    chosen = spread_prompts(counts, 10)
    expected = [(name, place) for name, count in zip(counts, taken, strict=True) for place in range(count)]
    assert chosen == expected
