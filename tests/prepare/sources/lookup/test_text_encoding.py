"""Texts in the encodings that tools write."""

from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from prepare.sources.lookup.text_encoding import decode_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_marked_and_plain(encoding: str) -> None:
    assert decode_text("0 猫\r\n".encode(encoding)) == "0 猫\r\n"


@pytest.mark.parametrize(("encoding", "guess"), [("gbk", "perhaps GBK"), ("latin-1", "perhaps Latin-1")])
def test_others_are_named(encoding: str, guess: str) -> None:
    text = "人" if encoding == "gbk" else "café"
    with pytest.raises(ValueError, match=rf"byte \d+ is not UTF-8, {guess}: convert"):
        decode_text(text.encode(encoding))


@pytest.mark.parametrize(
    ("kind", "name"), [("coco_json", "instances_train.json"), ("records", "train.jsonl")]
)
@pytest.mark.parametrize(("encoding", "guess"), [("gbk", "perhaps GBK"), ("latin-1", "perhaps Latin-1")])
def test_json_in_another_encoding_is_one_line(
    tmp_path: Path, recipe_for: Callable[..., PrepareRecipe], kind: str, name: str, encoding: str, guess: str
) -> None:
    words = "红色的消防车" if encoding == "gbk" else "café à la carte"
    (tmp_path / "source").mkdir()
    text = f'{{"categories": [{{"id": 1, "name": "{words}"}}], "messages": []}}\n'
    (tmp_path / "source" / name).write_bytes(text.encode(encoding))
    with pytest.raises(UserError, match=rf"{name}: byte \d+ is not UTF-8, {guess}: convert"):
        prepare_dataset(recipe_for(kind))
