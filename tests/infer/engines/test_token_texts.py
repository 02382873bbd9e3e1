"""Texts of tokens, which together are the text, with characters that are spread over tokens."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infer.engines.token_texts import end_within_characters, split_text

SAMPLE = "<|object_ref_start|>红色的正方形 été 🦓<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"


@pytest.fixture(scope="module")
def tokenizer(tiny_checkpoint: Path) -> Any:
    from tokenizers import Tokenizer

    class Plain:
        """What split_text needs of a tokenizer, without a framework."""

        inner = Tokenizer.from_file(str(tiny_checkpoint / "tokenizer.json"))

        def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
            return [self.inner.id_to_token(number) for number in ids]

    return Plain()


def test_chinese_and_special_tokens(tokenizer: Any) -> None:
    ids = tokenizer.inner.encode(SAMPLE, add_special_tokens=False).ids
    texts = split_text(tokenizer, ids)
    assert "".join(texts) == SAMPLE
    assert len(texts) == len(ids)
    assert "<|object_ref_start|>" in texts
    assert "" in texts  # a character of three bytes is more than one token of the tiny model
    assert not any("\ufffd" in text for text in texts)


@given(data=st.data())
def test_any_tokens_are_what_the_tokenizer_decodes(tokenizer: Any, data: Any) -> None:
    known = st.integers(0, tokenizer.inner.get_vocab_size() - 1)
    ids = data.draw(st.lists(known, max_size=40))
    expected = tokenizer.inner.decode(ids, skip_special_tokens=False)
    assert "".join(split_text(tokenizer, ids)) == expected


def test_a_character_cut_at_the_end_is_shown_as_such(tokenizer: Any) -> None:
    ids = tokenizer.inner.encode("红", add_special_tokens=False).ids
    assert split_text(tokenizer, ids[:1]) == ["\ufffd"]
    assert split_text(tokenizer, []) == []


def test_tokens_that_end_within_a_character_are_known(tokenizer: Any) -> None:
    ids = tokenizer.inner.encode("a红(", add_special_tokens=False).ids
    within = end_within_characters(tokenizer, ids)
    texts = split_text(tokenizer, ids)
    assert within == [False, *([True] * (len(ids) - 3)), False, False]
    assert [text for text, cut in zip(texts, within, strict=True) if not cut] == ["a", "红", "("]
