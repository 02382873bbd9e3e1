"""The tiny model's tokenizer, and the real one where it is there, as grammars read them."""

from pathlib import Path
from typing import Any

import pytest

from infer.engines.paddle.grammar.vocabulary import Vocabulary
from models.processors import load_tokenizer
from tests.train.export.real_tokenizer import IS_THERE, REAL_TOKENIZER, REASON

ENDS = ["<|im_end|>", "<|endoftext|>"]


def vocabulary_of(tokenizer: Any) -> Vocabulary:
    return Vocabulary(tokenizer, tokenizer.convert_tokens_to_ids(ENDS))


@pytest.fixture(
    scope="session",
    params=["tiny", pytest.param("real", marks=pytest.mark.skipif(not IS_THERE, reason=REASON))],
)
def vocabulary(request: pytest.FixtureRequest, tiny_checkpoint: Path) -> Vocabulary:
    return vocabulary_of(load_tokenizer(str(tiny_checkpoint if request.param == "tiny" else REAL_TOKENIZER)))


@pytest.fixture(scope="session")
def tiny_vocabulary(tiny_checkpoint: Path) -> Vocabulary:
    return vocabulary_of(load_tokenizer(str(tiny_checkpoint)))
