"""Guides: tokens that are forbidden, forced, and answers that end early."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infer.asking.dataset_questions import read_questions
from infer.engines.paddle.decoding import Row
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.guides import Ending, Guide, allowed_by
from infer.engines.protocol import Request
from infer.engines.settings import EngineSettings

LENGTH = 12


@pytest.fixture(scope="module")
def engine(any_checkpoint: Path) -> PaddleEngine:
    engine = PaddleEngine(
        EngineSettings(checkpoint=str(any_checkpoint), device="cpu", max_new_tokens=LENGTH, score="min_prob")
    )
    engine.decoding = replace(engine.decoding, end_ids=frozenset())  # a random model may end at once
    return engine


@pytest.fixture
def requests(dataset: Any) -> list[Request]:
    requests = [question.request for question in read_questions(dataset.path, "val")][:3]
    return [replace(request, alternatives=2) for request in requests]


@dataclass
class Follow:
    """Forces the tokens of a text at these places: those that come next without a gap at once."""

    text: Sequence[int]
    places: Sequence[int]
    seen: list[int] = field(default_factory=list)

    def allowed(self) -> Any:
        return None

    def forced(self) -> Sequence[int]:
        place, run = len(self.seen), []
        while place in self.places:
            run.append(self.text[place])
            place += 1
        return run

    def accept(self, token_id: int) -> Ending | None:
        self.seen.append(token_id)
        return None


@dataclass
class Only:
    """Allows some tokens only, and ends the answer after so many; the last two are taken away."""

    tokens: Sequence[int]
    width: int
    ends_at: int = 99
    count: int = 0

    def allowed(self) -> Any:
        mask = np.zeros(self.width, dtype=bool)
        mask[list(self.tokens)] = True
        return mask

    def forced(self) -> Sequence[int]:
        return ()

    def accept(self, token_id: int) -> Ending | None:
        self.count += 1
        return Ending(self.count - 2, "enough") if self.count == self.ends_at else None


def rows_of(
    engine: PaddleEngine, requests: list[Request], guides: Sequence[Sequence[Guide]] = ()
) -> list[Row]:
    prompts = [engine.encode(request) for request in requests]
    sources = [engine.decoding.source(request) for request in requests]
    return engine.generate(prompts, sources, requests, guides)


@pytest.mark.parametrize("places", [(1, 2, 3), (1, 5, 6, 7, 8, 9, 10, 11), tuple(range(1, LENGTH))])
def test_forced_tokens_are_what_steps_would_give(
    engine: PaddleEngine,
    requests: list[Request],
    places: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine_steps: list[int] = []
    expected = rows_of(engine, requests)
    forward_pass = engine.family.forward_pass

    def counting(model: Any) -> Any:
        forward = forward_pass(model)
        extend = forward.extend
        forward.extend = lambda *args, **more: (engine_steps.append(1), extend(*args, **more))[1]
        return forward

    monkeypatch.setattr(type(engine.family), "forward_pass", lambda self, model: counting(model))
    # The second answer is not steered: it takes a token at each step, beside several of the others.
    guides: list[list[Guide]] = [
        [] if row.number == 1 else [Follow(row.token_ids, places)] for row in expected
    ]
    seen = rows_of(engine, requests, guides)
    assert len(engine_steps) <= LENGTH
    seen_alone = [rows_of(engine, [requests[0]], [[Follow(expected[0].token_ids, places)]])[0], *seen]
    for row, other in zip(seen_alone, [expected[0], *expected], strict=True):
        assert row.token_ids == other.token_ids
        assert row.is_cut
        np.testing.assert_allclose(row.logprobs, other.logprobs, atol=1e-4)
        assert [[token for token, _ in each] for each in row.alternatives] == [
            [token for token, _ in each] for each in other.alternatives
        ]
    engine_steps.clear()
    rows_of(engine, [requests[0]], [[Follow(expected[0].token_ids, places)]])
    # One step for the tokens up to each choice; forced tokens at the end are fed for their probabilities.
    choices = sum(place not in places for place in range(1, LENGTH))
    assert len(engine_steps) == choices + (LENGTH - 1 in places)


def test_forbidden_tokens_are_not_chosen_and_probabilities_stay_the_models(
    engine: PaddleEngine, requests: list[Request]
) -> None:
    width = len(engine.encoder.tokenizer)
    free = rows_of(engine, requests)
    rows = rows_of(engine, requests, [[Only((300, 42), width)], [], [Only((7,), width), Only((7, 8), width)]])
    assert set(rows[0].token_ids) <= {300, 42}
    assert rows[1].token_ids == free[1].token_ids
    assert set(rows[2].token_ids) == {7}
    assert rows[2].logprobs[0] < -0.5  # not the 0 of a token without a choice


def test_a_guide_ends_an_answer(engine: PaddleEngine, requests: list[Request]) -> None:
    free = rows_of(engine, requests)
    width = len(engine.encoder.tokenizer)
    everything = range(width)
    rows = rows_of(engine, requests, [[Only(everything, width, ends_at=5)], [], [Only(everything, width, 2)]])
    assert rows[0].token_ids == free[0].token_ids[:3]
    assert (rows[0].has_ended, rows[0].is_cut, rows[0].problem) == (True, False, "enough")
    assert len(rows[0].logprobs) == len(rows[0].alternatives) == 3
    assert rows[1].token_ids == free[1].token_ids
    assert rows[2].token_ids == []


def test_guides_agree_on_what_all_of_them_allow() -> None:
    assert allowed_by([]) is None
    both = allowed_by([Only((1, 2), 4), Follow((), ()), Only((2, 3), 4)])
    assert both.tolist() == [False, False, True, False]
