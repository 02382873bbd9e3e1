"""Decoding: rows that leave and enter, tokens drawn, and the probabilities of tokens."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infer.asking.dataset_questions import read_questions
from infer.engines.paddle.decoding import Decoding
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.sampling import sample
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings
from models.cache import Cache


@pytest.fixture(scope="module")
def engine(any_checkpoint: Path) -> PaddleEngine:
    return PaddleEngine(
        EngineSettings(  # of a random model, which loops
            checkpoint=str(any_checkpoint),
            device="cpu",
            max_new_tokens=12,
            score="mean_logprob",
            repeat_stop=False,
        )
    )


@pytest.fixture
def requests(dataset: Any) -> list[Request]:
    return [question.request for question in read_questions(dataset.path, "val")]


@pytest.fixture
def settings(engine: PaddleEngine, monkeypatch: pytest.MonkeyPatch) -> Any:
    def change(**changes: Any) -> None:
        monkeypatch.setattr(engine, "decoding", replace(engine.decoding, **changes))
        engine.forget()

    change(end_ids=frozenset())  # a random model may end at once
    return change


def ids_of(engine: PaddleEngine, requests: list[Request]) -> list[list[int]]:
    prompts = [engine.encode(request) for request in requests]
    sources = [engine.decoding.source(request) for request in requests]
    return [row.token_ids for row in engine.generate(prompts, sources)]


def said(engine: PaddleEngine, requests: list[Request]) -> list[str]:
    """Return the texts: probabilities vary in their last digits with the batch."""
    return [answer.text for answer in engine.answer(requests)]


def test_rows_leave_and_enter_without_a_trace(
    engine: PaddleEngine, requests: list[Request], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(temperature=3.0)  # greedily, a random model says one thing again and again
    whole = ids_of(engine, requests)
    ends = frozenset(ids[1 + 2 * number % 11] for number, ids in enumerate(whole))
    expected = [[*ids[: next((n for n, each in enumerate(ids) if each in ends), None)]] for ids in whole]
    assert len({len(ids) for ids in expected}) > 2  # answers of mixed lengths
    calls: list[str] = []
    for name in ("keep", "join"):
        method = getattr(Cache, name)
        monkeypatch.setattr(
            Cache,
            name,
            lambda *args, name=name, method=method, **room: (calls.append(name), method(*args, **room))[1],
        )
    settings(end_ids=ends)
    assert ids_of(engine, requests) == expected
    assert "keep" in calls
    assert "join" not in calls
    for rows in (1, 2, 3, 4):
        settings(rows=rows)
        assert ids_of(engine, requests) == expected
        assert ids_of(engine, requests[::-1]) == expected[::-1]  # short prompts enter beside long ones
    assert "join" in calls


def test_a_cache_grows(engine: PaddleEngine, requests: list[Request], settings: Any) -> None:
    settings(max_new_tokens=150)
    together = ids_of(engine, requests[:2])
    engine.forget()
    assert together == [ids_of(engine, [request])[0] for request in requests[:2]]
    assert [len(ids) for ids in together] == [150, 150]


def test_a_drawn_answer_depends_on_its_question_and_draw_alone(
    engine: PaddleEngine, requests: list[Request], settings: Any
) -> None:
    settings(temperature=1.0, seed=5)
    mixed = [*requests[:3], replace(requests[0], draw=1), requests[0]]
    answers = said(engine, mixed)
    assert answers[0] == answers[4] == said(engine, [requests[0]])[0]
    assert said(engine, mixed[::-1])[::-1] == answers
    assert answers[3] != answers[0]
    settings(seed=6)
    assert said(engine, mixed[:1])[0] != answers[0]


def test_little_heat_or_a_narrow_choice_is_greedy(
    engine: PaddleEngine, requests: list[Request], settings: Any
) -> None:
    greedy = said(engine, requests)
    settings(temperature=1e-4)
    assert said(engine, requests) == greedy
    settings(temperature=1.0, top_p=1e-6)
    assert said(engine, requests) == greedy


def test_tokens_are_drawn_by_their_probability() -> None:
    import paddle

    logits = paddle.log(paddle.to_tensor([[0.1, 0.5, 0.15, 0.25]]))
    numbers = (np.arange(1000) + 0.5) / 1000

    def counts(top_p: float) -> list[int]:
        drawn = sample(logits.tile([1000, 1]), top_p, list(numbers)).numpy()
        return list(np.bincount(drawn, minlength=4))

    assert np.allclose(counts(1.0), [100, 500, 150, 250], atol=1)
    assert np.allclose(counts(0.7), [0, 1000 * 2 / 3, 0, 1000 / 3], atol=1)
    assert counts(0.5 - 1e-4) == [0, 1000, 0, 0]


def test_probabilities_are_those_of_the_model(
    engine: PaddleEngine, requests: list[Request], settings: Any
) -> None:
    import paddle

    for temperature in (0.0, 1.0):
        settings(temperature=temperature)
        for request, answer in zip(requests, engine.answer(requests), strict=True):
            assert "".join(token.text for token in answer.tokens) == answer.text
            prompt = engine.encode(request)
            [row] = engine.generate([prompt], [engine.decoding.source(request)])
            ids = paddle.to_tensor([prompt.token_ids + row.token_ids])
            with paddle.no_grad():
                logits = engine.model(
                    input_ids=ids,
                    attention_mask=paddle.ones_like(ids),
                    pixel_values=prompt.pixel_values,
                    image_grid_thw=prompt.image_grid_thw,
                ).logits[0, len(prompt.token_ids) - 1 : -1]
            logprobs = paddle.nn.functional.log_softmax(logits, axis=-1).numpy()
            expected = logprobs[np.arange(len(row.token_ids)), row.token_ids]
            np.testing.assert_allclose([token.logprob for token in answer.tokens], expected, atol=1e-4)


def test_a_live_model_goes_on_training(engine: PaddleEngine, requests: list[Request]) -> None:
    live = PaddleEngine.from_model(engine.model, engine.encoder, max_new_tokens=12, repeat_stop=False)
    expected = [RawAnswer(answer.text, answer.is_cut) for answer in engine.answer(requests)]
    try:
        engine.model.train()
        assert live.answer(requests) == expected
        assert engine.model.training
    finally:
        engine.model.eval()


def test_random_numbers_differ_by_question_and_draw() -> None:
    decoding = Decoding(frozenset(), 0, 1)
    request = Request((Path("a/1.png"),), "", "<image>What?")
    others = [
        replace(request, draw=1),
        replace(request, user="<image>Where?"),
        replace(request, images=(Path("a/2.png"),)),
        replace(request, system="Be brief."),
    ]
    numbers = [decoding.source(each).random() for each in (request, *others)]
    assert len(set(numbers)) == 5
    # The folder that a data set lies in does not matter.
    assert decoding.source(replace(request, images=(Path("b/1.png"),))).random() == numbers[0]
    assert replace(decoding, seed=1).source(request).random() != numbers[0]
