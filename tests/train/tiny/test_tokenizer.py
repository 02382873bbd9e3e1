import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.categories import COCO_CATEGORIES
from train.tiny.tokenizer import PLAIN_TOKENS, SPECIAL_TOKENS

ANSWER = "<|object_ref_start|>red circle<|object_ref_end|><|box_start|>(12,345),(678,1000)<|box_end|>"


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_model)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_text_comes_back(tokenizer: Any, text: str) -> None:
    import unicodedata

    text = unicodedata.normalize("NFC", text)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize("text", ["找出图中所有的红色圆形。", "Äpfel, élan 🚲\n\n  x", ANSWER])
def test_known_texts_come_back(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_special_tokens_are_single_and_special(tokenizer: Any) -> None:
    ids = [tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS]
    assert [tokenizer(token)["input_ids"] for token in SPECIAL_TOKENS] == [[number] for number in ids]
    assert tokenizer.decode(ids, skip_special_tokens=True) == ""
    for token in PLAIN_TOKENS:
        number = tokenizer(token)["input_ids"]
        assert len(number) == 1
        assert tokenizer.decode(number, skip_special_tokens=True) == token


def test_digits_are_single_tokens(tokenizer: Any) -> None:
    assert tokenizer.tokenize("1000") == ["1", "0", "0", "0"]


def test_words_of_answers_are_single_tokens(tokenizer: Any) -> None:
    for category in COCO_CATEGORIES:
        assert len(tokenizer(category.name)["input_ids"]) == len(category.name.split())
    assert len(tokenizer(ANSWER)["input_ids"]) == 23


def test_chat_template_is_qwens(tokenizer: Any) -> None:
    user = [{"type": "image"}, {"type": "text", "text": "Where?"}]
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": user}]
    assert tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n"
        "<|vision_start|><|image_pad|><|vision_end|>Where?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_vocabulary_files_agree(tiny_model: Path) -> None:
    model = json.loads((tiny_model / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    assert json.loads((tiny_model / "vocab.json").read_text(encoding="utf-8")) == model["vocab"]
    merges = (tiny_model / "merges.txt").read_text(encoding="utf-8").splitlines()
    assert merges[1:] == [" ".join(pair) for pair in model["merges"]]
