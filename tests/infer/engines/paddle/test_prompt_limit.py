"""Prompts that are too long for the model or the memory."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.asking.dataset_questions import read_questions
from infer.engines.paddle import prompt_limit
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.prompt_limit import LEAST_LIMIT, LONG_PROMPT, PromptLimit, choose_limit
from infer.engines.protocol import Exchange, Request
from infer.engines.settings import EngineSettings
from models.family import EncodedImage, Prompt

GIGABYTE = 1 << 30
NEW_TOKENS = 8


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> PaddleEngine:
    return PaddleEngine(
        EngineSettings(checkpoint=str(tiny_checkpoint), device="cpu", max_new_tokens=NEW_TOKENS)
    )


@pytest.fixture
def requests(dataset: Any) -> list[Request]:
    return [question.request for question in read_questions(dataset.path, "val")]


@pytest.mark.parametrize(
    ("wanted", "positions", "free", "expected"),
    [
        (None, 262_144, 64 * GIGABYTE, LONG_PROMPT),
        (None, 1024, 64 * GIGABYTE, 1024),
        (None, 262_144, 20 * GIGABYTE, 10 * GIGABYTE // 1_000_000),
        (None, 262_144, 0, LEAST_LIMIT),
        (100_000, 262_144, 0, 100_000),
        (7, 262_144, 64 * GIGABYTE, 7),
    ],
)
def test_the_limit_comes_from_user_model_and_memory(
    wanted: int | None, positions: int, free: int, expected: int
) -> None:
    limit = choose_limit(wanted, positions=positions, free=free, token_bytes=1_000_000)
    assert limit.tokens == expected


def test_more_than_the_models_positions_cannot_be_set() -> None:
    with pytest.raises(UserError, match="max_prompt_tokens: 5000 is more than the model's 4096 positions"):
        choose_limit(5000, positions=4096, free=GIGABYTE, token_bytes=1)


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_limit, "CGROUP", tmp_path)
    assert prompt_limit.free_bytes("cpu") > 1000
    (tmp_path / "memory.current").write_text("400\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert prompt_limit.free_bytes("cpu") > 1000
    (tmp_path / "memory.max").write_text("1000\n")
    assert prompt_limit.free_bytes("cpu") == 600


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], []),
        ([5], [1]),
        ([50], [1]),
        ([5, 5, 5], [2, 1]),
        ([2, 2, 2, 2, 2], [5]),
        ([1, 6, 3, 3, 9], [1, 1, 2, 1]),
    ],
)
def test_prompts_are_read_together_as_memory_allows(lengths: list[int], expected: list[int]) -> None:
    prompts = [Prompt([0] * length, None, None) for length in lengths]
    parts = list(PromptLimit(tokens=100, tokens_at_once=10).split(prompts))
    assert [len(prompts[part]) for part in parts] == expected
    assert [prompt for part in parts for prompt in prompts[part]] == prompts


def test_what_follows_an_image_counts_with_the_longest_prompt() -> None:
    prompts = [Prompt([0] * length, image_ends=(end,)) for length, end in ((6, 4), (4, 1), (6, 5))]
    limit = PromptLimit(tokens=100, tokens_at_once=18)
    assert list(limit.split(prompts)) == [slice(0, 2), slice(2, 3)]  # two rows of 6 + 3 slots
    assert list(limit.split([replace(prompt, image_ends=()) for prompt in prompts])) == [slice(0, 3)]


def test_all_turns_of_a_conversation_count(requests: list[Request]) -> None:
    limit = PromptLimit(tokens=3, tokens_at_once=3)
    first = Exchange(requests[0].user, "")
    limit.check_text(replace(requests[0], user="", history=(first,)))
    with pytest.raises(UserError, match="the conversation has 4 earlier messages, and the prompt may have 3"):
        limit.check_text(replace(requests[0], user="", history=(first, Exchange("", ""))))
    for long in (Exchange(first.question, "a" * 1000), Exchange(first.question + "a" * 1000, "")):
        with pytest.raises(UserError, match=r"the texts have \d+ characters"):
            limit.check_text(replace(requests[0], user="", history=(long,)))


def test_memory_for_images_is_not_free_for_prompts(
    engine: PaddleEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 8 * GIGABYTE
    monkeypatch.setattr("infer.engines.paddle.engine.free_bytes", lambda _: free)
    with_cache = engine.limit_prompts(None).tokens_at_once
    free += engine.kept.most_bytes
    monkeypatch.setattr("infer.engines.paddle.engine.free_bytes", lambda _: free)
    without = engine.limit_prompts(None).tokens_at_once
    assert engine.kept.most_bytes == 512 << 20
    assert without == pytest.approx(with_cache * 8 / 7.5, rel=1e-3)
    engine.prompt_limit = None


def test_the_mask_of_prompts_that_are_read_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_limit, "MASK_AT_ONCE", 50)
    prompts = [Prompt([0] * 5)] * 5
    parts = list(PromptLimit(tokens=100, tokens_at_once=1000).split(prompts))
    assert [len(prompts[part]) for part in parts] == [2, 2, 1]


def test_what_comes_after_the_first_of_several_images_may_be_read_apart() -> None:
    prompts = [Prompt([0] * 6, image_ends=(2, 5)), Prompt([0] * 6, image_ends=(5,))]
    limit = PromptLimit(tokens=9, tokens_at_once=16)
    assert list(limit.split([prompts[1]] * 2)) == [slice(0, 2)]
    assert list(limit.split([prompts[1], prompts[0]])) == [slice(0, 1), slice(1, 2)]


def test_images_that_are_too_many_together_are_refused() -> None:
    images, limit = [EncodedImage(None, None, tokens) for tokens in (60, 40, 1)], PromptLimit(100, 4096)
    limit.check_images([])
    limit.check_images(images[:2])
    with pytest.raises(UserError, match=r"the first 3 pictures have 101 tokens, and the prompt may have 100"):
        limit.check_images(images)


def test_a_long_prompt_is_refused_before_the_model_runs(
    engine: PaddleEngine, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine.limit_prompts(None).tokens == 4096  # the tiny model's positions
    monkeypatch.setattr(PaddleEngine, "generate", lambda *_: pytest.fail("the model ran"))
    long = replace(requests[0], user=requests[0].user + " red square" * 4096)
    with pytest.raises(
        UserError, match=r"the prompt has \d+ tokens, and may have 4096 \(max_prompt_tokens\)"
    ):
        engine.answer([requests[0], long])
    huge = replace(requests[0], user=requests[0].user + "x" * 2_000_000)
    monkeypatch.setattr(engine.encoder, "encode", lambda *_: pytest.fail("the text was encoded"))
    with pytest.raises(
        UserError, match=r"the texts have 20\d+ characters, and the prompt may have 4096 tokens"
    ):
        engine.answer([huge])


def test_the_limit_changes_no_answer(
    engine: PaddleEngine, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "prompt_limit", None)
    expected = engine.answer(requests)
    monkeypatch.setattr(engine, "prompt_limit", PromptLimit(tokens=4096, tokens_at_once=200))
    engine.forget()
    assert engine.answer(requests) == expected
