"""Answers of an engine that reads an image once, against one that reads it for every question."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infer.asking.dataset_questions import read_questions
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.prompt_limit import PromptLimit
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings
from models.qwen3_vl.forward import Forward

NEW_TOKENS = 10
WORDS = (" red square", " green circle", " red", "")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def open_engine(any_checkpoint: Path) -> Callable[..., PaddleEngine]:
    def opened(**changes: Any) -> PaddleEngine:
        engine = PaddleEngine(
            EngineSettings(
                checkpoint=str(any_checkpoint),
                device="cpu",
                max_new_tokens=NEW_TOKENS,
                score="mean_logprob",
                **changes,
            )
        )
        engine.decoding = replace(engine.decoding, end_ids=frozenset())  # a random model may end at once
        return engine

    return opened


@pytest.fixture
def requests(dataset: Any) -> list[Request]:
    """Questions about three images in turns; some are asked twice, with other draws."""
    asked = [question.request for question in read_questions(dataset.path, "val")][:3]
    questions = [replace(each, user=each.user + more) for more in WORDS for each in asked]
    return [*questions, *(replace(each, draw=1) for each in questions[:5])]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of prompts or prefixes that are read whenever the model reads some."""
    counts: list[int] = []
    method = Forward.read_prompts

    def counted(self: Forward, prompts: Any, pad_id: int) -> Any:
        counts.append(len(prompts))
        return method(self, prompts, pad_id)

    monkeypatch.setattr(Forward, "read_prompts", counted)
    return counts


def check_same(ours: list[RawAnswer], expected: list[RawAnswer]) -> None:
    assert [answer.text for answer in ours] == [answer.text for answer in expected]
    for one, other in zip(ours, expected, strict=True):
        np.testing.assert_allclose(
            [token.logprob for token in one.tokens], [token.logprob for token in other.tokens], atol=1e-4
        )


@pytest.mark.parametrize("temperature", [0.0, 3.0])
def test_answers_are_those_of_questions_alone(
    open_engine: Callable[..., PaddleEngine], requests: list[Request], temperature: float, reads: list[int]
) -> None:
    plain, engine = open_engine(image_cache_megabytes=0, temperature=temperature), open_engine()
    expected = [plain.answer([request])[0] for request in requests]
    assert sum(reads) == len(requests)
    check_same(plain.answer(requests), expected)
    assert sum(reads) == 2 * len(requests)
    assert temperature == 0.0 or len({answer.text for answer in expected}) > len(requests) // 2
    for rows in (None, 2):
        engine.decoding = replace(engine.decoding, rows=rows, temperature=temperature)
        engine.forget()
        reads.clear()
        check_same(engine.answer(requests), expected)
        assert sum(reads) == 3
        check_same(engine.answer(requests[::-1]), expected[::-1])
        assert sum(reads) == 3


def test_an_image_is_encoded_once(
    open_engine: Callable[..., PaddleEngine],
    requests: list[Request],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, files = open_engine(), []
    encode = engine.encoder.encode_image
    monkeypatch.setattr(engine.encoder, "encode_image", lambda file: (files.append(file), encode(file))[1])
    expected = engine.answer(requests)
    assert files == [request.picture for request in requests[:3]]
    # A server writes each upload into a file of its own.
    uploads = [
        replace(each, images=(Path(shutil.copy(each.picture, tmp_path / f"upload_{number}")),))
        for number, each in enumerate(requests)
    ]
    check_same(engine.answer(uploads), expected)
    assert len(files) == 3
    engine.forget()
    engine.answer(requests[:1])
    assert len(files) == 4


def test_an_image_that_changed_is_read_anew(
    open_engine: Callable[..., PaddleEngine], requests: list[Request], reads: list[int]
) -> None:
    plain, engine = open_engine(image_cache_megabytes=0), open_engine()
    before = engine.answer(requests[:1])
    pixels = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(requests[0].picture)
    after = engine.answer(requests[:1])
    check_same(after, plain.answer(requests[:1]))
    assert len(reads) == 3
    assert not np.allclose(*([token.logprob for token in answer.tokens] for (answer,) in (before, after)))


def test_a_model_in_training_is_read_anew(
    open_engine: Callable[..., PaddleEngine], requests: list[Request], reads: list[int]
) -> None:
    engine = open_engine(image_cache_megabytes=0)
    live = PaddleEngine.from_model(engine.model, engine.encoder, max_new_tokens=NEW_TOKENS)
    live.decoding = engine.decoding
    before = live.answer(requests)
    assert sum(reads) == 3  # within a call the images are shared
    check_same(before, engine.answer(requests))
    weight = engine.model.model.language_model.layers[0].self_attn.qkv_proj.weight
    weight.set_value(weight * 1.5)
    after = live.answer(requests)
    check_same(after, engine.answer(requests))
    assert [answer.tokens for answer in before] != [answer.tokens for answer in after]


def test_a_limit_of_memory_changes_no_answer(
    open_engine: Callable[..., PaddleEngine], requests: list[Request]
) -> None:
    plain, engine = open_engine(image_cache_megabytes=0), open_engine()
    engine.prompt_limit = PromptLimit(tokens=4096, tokens_at_once=150)
    assert len(list(engine.prompt_limit.split([engine.encode(request) for request in requests]))) > 3
    engine.forget()
    check_same(engine.answer(requests), plain.answer(requests))
