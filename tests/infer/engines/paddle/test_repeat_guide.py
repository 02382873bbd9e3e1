"""The guide that stops repeats: alone with any tokens, and in the engine beside other answers."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import ByteLevel

from grounding.answers.forms import LOOPED, REPEATED
from grounding.answers.repeats import find_repeat
from infer.asking.dataset_questions import read_questions
from infer.engines.cut_answers import cut_at_repeat
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.guides import Ending
from infer.engines.paddle.repeat_guide import RepeatGuide
from infer.engines.protocol import RawAnswer, Request, Token
from infer.engines.settings import EngineSettings
from infer.engines.token_texts import split_text

END = 999
ROWS = st.lists(
    st.sampled_from(["狗(1,2),(3,4)", "été 🦓(5,6),(7,8)", "a(5,6),(7,8)"]), max_size=3, unique=True
)
FIRST = '[{"bbox_2d": [1, 2, 3, 4], "label": "狗"}, {"bbox_2d": [5, 6, 7, 8], "label": "狗"}'
AGAIN = ', {"bbox_2d": [1, 2, 3, 4], "label": "狗"}'


class Cuts:
    """A tokenizer whose tokens are a text that is cut at random, within characters, too."""

    def __init__(self, text: str, source: random.Random) -> None:
        spelled = "".join(
            part for part, _ in ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(text)
        )
        places = sorted(
            {0, len(spelled), *(source.randrange(len(spelled)) for _ in range(len(spelled) // 2))}
        )
        self.tokens = [spelled[start:end] for start, end in itertools.pairwise(places)]

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        return [self.tokens[number] for number in ids]


def feed(tokenizer: Cuts, guide: RepeatGuide) -> Ending | None:
    endings = (guide.accept(number) for number in range(len(tokenizer.tokens)))
    return next((ending for ending in endings if ending is not None), None)


@given(rows=ROWS, seed=st.integers(0, 2**32))
def test_any_tokens_are_kept_up_to_the_place(rows: list[str], seed: int) -> None:
    source = random.Random(seed)
    text = ", ".join(["ё(9,9),(10,10)", *rows, "ё(9,9),(10,10)", *rows, "🦓(1,2),(9,9)"])
    tokenizer = Cuts(text, source)
    guide = RepeatGuide(tokenizer, {END}, thinks=False)
    assert guide.allowed() is None
    assert guide.forced() == ()
    ending = feed(tokenizer, guide)
    stop = guide.finish()
    assert stop == find_repeat(text)
    assert stop is not None
    assert ending is not None
    assert ending.problem == stop.problem == REPEATED
    ids = list(range(ending.kept))
    assert len("".join(split_text(tokenizer, ids[:-1])).rstrip("\ufffd")) < stop.place
    pieces = split_text(tokenizer, ids)
    answer = RawAnswer("".join(pieces), False, tuple(Token(piece, -0.5) for piece in pieces))
    cut = cut_at_repeat(answer, stop)
    assert cut.text == "".join(token.text for token in cut.tokens) == ", ".join(["ё(9,9),(10,10)", *rows])


@given(rows=ROWS, seed=st.integers(0, 2**32))
def test_an_answer_without_a_repeat_is_not_ended(rows: list[str], seed: int) -> None:
    tokenizer = Cuts(", ".join([*rows, "ё(9,9),(10,10)"]), random.Random(seed))
    guide = RepeatGuide(tokenizer, {END}, thinks=False)
    assert feed(tokenizer, guide) is None
    assert guide.accept(END) is None
    assert guide.finish() is None


@dataclass
class Script:
    """Lets the model say these tokens and no others, then lets it go on."""

    ids: Sequence[int]
    width: int
    jumps: bool = False
    said: list[int] = field(default_factory=list)

    def allowed(self) -> Any:
        if len(self.said) >= len(self.ids):
            return None
        mask = np.zeros(self.width, dtype=bool)
        mask[self.ids[len(self.said)]] = True
        return mask

    def forced(self) -> Sequence[int]:
        return self.ids[len(self.said) :] if self.jumps else ()

    def accept(self, token_id: int) -> Ending | None:
        self.said.append(token_id)
        return None


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> PaddleEngine:
    engine = PaddleEngine(
        EngineSettings(
            checkpoint=str(tiny_checkpoint), device="cpu", max_new_tokens=200, score="min_prob", batch_size=3
        )
    )
    engine.decoding = replace(engine.decoding, end_ids=frozenset())  # a random model may end at once
    return engine


@pytest.fixture
def requests(dataset: Any) -> list[Request]:
    requests = [question.request for question in read_questions(dataset.path, "val")][:3]
    return [replace(request, max_tokens=200, alternatives=2) for request in requests]


@pytest.fixture
def say(engine: PaddleEngine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what makes the engine answer requests with these texts, and then ends."""

    def answer(requests: Sequence[Request], texts: Sequence[str], *, jumps: bool = False) -> list[RawAnswer]:
        ids = [engine.encoder.tokenizer.encode(text, add_special_tokens=False) for text in texts]
        scripts = iter([Script(each, len(engine.encoder.tokenizer), jumps) for each in ids])
        monkeypatch.setattr(engine, "_guides", lambda _: [next(scripts)])
        asked = [replace(request, max_tokens=len(each)) for request, each in zip(requests, ids, strict=True)]
        return engine.answer(asked)

    return answer


@pytest.mark.parametrize("jumps", [False, True])
def test_an_answer_is_ended_and_its_neighbours_are_not(
    engine: PaddleEngine,
    requests: list[Request],
    say: Any,
    monkeypatch: pytest.MonkeyPatch,
    jumps: bool,
) -> None:
    texts = [f"{FIRST}]", FIRST + AGAIN * 4, "зебра(1,2),(3,4)" + ", no" * 40]
    stopped = say(requests, texts, jumps=jumps)
    monkeypatch.setattr(engine, "repeat_stop", False)
    free = say(requests, texts, jumps=jumps)
    assert [answer.text for answer in free] == texts
    assert [answer.text for answer in stopped] == [texts[0], FIRST, "зебра(1,2),(3,4)"]
    assert [answer.stopped for answer in stopped] == [None, REPEATED, LOOPED]
    assert [answer.is_cut for answer in stopped] == [True, False, False]
    for answer, other in zip(stopped, free, strict=True):
        assert "".join(token.text for token in answer.tokens) == answer.text
        count = len(answer.tokens)
        np.testing.assert_allclose(
            [token.logprob for token in answer.tokens],
            [token.logprob for token in other.tokens[:count]],
            atol=1e-4,
        )
        assert {len(token.alternatives) for token in answer.tokens} == {2}
    assert stopped[0].tokens[-1].text == free[0].tokens[-1].text


def test_a_repeat_at_the_very_end_is_cut_too(requests: list[Request], say: Any) -> None:
    [answer] = say(requests[:1], ["[1, 2, 3, 4] dog\n[1, 2, 3, 4] dog"])
    assert (answer.text, answer.stopped) == ("[1, 2, 3, 4] dog", REPEATED)
    assert "".join(token.text for token in answer.tokens) == answer.text


def test_the_model_takes_no_step_after_the_repeat(
    engine: PaddleEngine, requests: list[Request], say: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    forward_pass = engine.family.forward_pass

    def counting(model: Any) -> Any:
        forward = forward_pass(model)
        extend = forward.extend
        forward.extend = lambda *args, **more: (steps.append(1), extend(*args, **more))[1]
        return forward

    monkeypatch.setattr(type(engine.family), "forward_pass", lambda self, model: counting(model))
    once = len(engine.encoder.tokenizer.encode(FIRST + AGAIN, add_special_tokens=False))
    say(requests[:1], [FIRST + AGAIN * 4])
    assert len(steps) < once
