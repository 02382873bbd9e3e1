"""Tokenizers as PaddleFormers loads them: the tiny model's, and the real one where it is there."""

from pathlib import Path
from typing import Any

import pytest

from tests.train.export.real_tokenizer import IS_THERE, REAL_TOKENIZER, REASON


@pytest.fixture(scope="session", params=["tiny", "real"])
def tokenizer(request: pytest.FixtureRequest, tiny_model: Path) -> Any:
    from paddleformers.transformers import AutoTokenizer

    if request.param == "real" and not IS_THERE:
        pytest.skip(REASON)
    return AutoTokenizer.from_pretrained(str(tiny_model if request.param == "tiny" else REAL_TOKENIZER))
