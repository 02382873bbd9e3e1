"""The guide that tells an answer as it is written: alone with any tokens, and in the engine."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infer.asking.dataset_questions import read_questions
from infer.engines.live_answers import NOBODY_LISTENS, AnswersLive, NobodyListensError
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.live_guide import LiveGuide
from infer.engines.protocol import Exchange
from infer.engines.settings import EngineSettings
from tests.infer.engines.paddle.test_repeat_guide import Cuts

END = 999


@pytest.fixture(scope="module")
def engine(any_checkpoint: Path) -> PaddleEngine:
    return PaddleEngine(
        EngineSettings(checkpoint=str(any_checkpoint), device="cpu", max_new_tokens=12, repeat_stop=False)
    )


@given(text=st.text(st.sampled_from("aё狗🦓 <"), min_size=1), seed=st.integers(0, 2**32))
def test_whole_characters_are_told(text: str, seed: int) -> None:
    tokenizer = Cuts(text, random.Random(seed))
    heard: list[str] = []
    guide = LiveGuide(tokenizer, {END}, heard.append)
    for number in range(len(tokenizer.tokens)):
        guide.accept(number)
    guide.accept(END)
    assert "".join(heard) == text
    assert "" not in heard


def test_an_answer_is_told_token_by_token(engine: PaddleEngine, dataset: Any) -> None:
    assert isinstance(engine, AnswersLive)
    for question in read_questions(dataset.path, "val")[:3]:
        heard: list[str] = []
        (answer,) = engine.answer_live([question.request], [heard.append])
        assert answer == engine.answer([question.request])[0]
        told = "".join(heard)
        assert answer.text in (told, f"{told}\N{REPLACEMENT CHARACTER}")  # the last one can be incomplete
        assert len(heard) > 3


def test_each_listener_of_a_batch_hears_its_own_answer(engine: PaddleEngine, dataset: Any) -> None:
    requests = [question.request for question in read_questions(dataset.path, "val")[:3]]
    heard: list[list[str]] = [[], []]
    answers = engine.answer_live(requests, [heard[0].append, None, heard[1].append])
    assert answers == engine.answer(requests)
    for answer, pieces in zip(answers[::2], heard, strict=True):
        told = "".join(pieces)
        assert answer.text in (told, f"{told}\N{REPLACEMENT CHARACTER}")


class Leaving:
    """Hears two pieces, and raises `error` in place of the second."""

    def __init__(self, error: Exception) -> None:
        self.error, self.heard = error, 0

    def hear(self, piece: str) -> None:
        self.heard += 1
        if self.heard == 2:
            raise self.error


def test_a_listener_that_leaves_ends_its_answer_alone(engine: PaddleEngine, dataset: Any) -> None:
    requests = [question.request for question in read_questions(dataset.path, "val")[:2]]
    whole, leaving = engine.answer(requests), Leaving(NobodyListensError())
    left, other = engine.answer_live(requests, [leaving.hear, None])
    assert leaving.heard == 2
    assert left.stopped == NOBODY_LISTENS
    assert whole[0].text.startswith(left.text)
    assert len(left.text) < len(whole[0].text)
    assert other == whole[1]


def test_what_else_a_listener_raises_ends_the_call(engine: PaddleEngine, dataset: Any) -> None:
    request = read_questions(dataset.path, "val")[0].request
    whole, leaving = engine.answer([request]), Leaving(BrokenPipeError())
    with pytest.raises(BrokenPipeError):
        engine.answer_live([request], [leaving.hear])
    assert leaving.heard == 2
    assert engine.answer([request]) == whole  # the engine goes on


def test_a_conversation_reads_its_picture_once(
    engine: PaddleEngine, dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later turns feed the tokens after the first turn alone, and are answered as without what is kept."""
    engine.forget()
    request = read_questions(dataset.path, "val")[0].request
    family, fed = engine.family.forward_pass(engine.model), []

    class Counted:
        def read_prompts(self, prompts: Any, pad_id: int) -> Any:
            fed.append(sum(len(prompt.token_ids) for prompt in prompts))
            return family.read_prompts(prompts, pad_id)

        def extend(self, token_ids: Any, *words: Any, **names: Any) -> Any:
            if len(token_ids[0]) > 1:
                fed.append(len(token_ids[0]))
            return family.extend(token_ids, *words, **names)

    monkeypatch.setattr(type(engine.family), "forward_pass", lambda *_: Counted())
    turns, kept = [request], []
    for question in ("red square?", "green circle?"):
        answer = engine.answer([turns[-1]])[0].text
        history = (*turns[-1].history, Exchange(turns[-1].user, answer))
        turns.append(replace(request, user=question, history=history))
        kept.append(engine.answer([turns[-1]]))
    lengths = [len(engine.encode(turn).token_ids) for turn in turns]
    first, *rests = fed
    assert first == lengths[0]
    assert rests == [lengths[1] - lengths[0], lengths[1] - lengths[0], lengths[2] - lengths[0]]
    for turn, answers in zip(turns[1:], kept, strict=True):
        engine.forget()
        assert engine.answer([turn]) == answers
    assert fed[-2:] == lengths[1:]
