import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.answers.asked import Asked
from grounding.answers.forms import ANSWER_FORMATS, CLOSED_EARLY, DUPLICATE
from grounding.answers.reader import read_answer
from grounding.answers.writer import write_answer
from grounding.boxes import Box
from grounding.errors import UserError
from grounding.grammar.answer_grammar import AnswerGrammar
from grounding.grammar.symbols import END, spell, text_of
from grounding.record.filling import fill_placeholders
from grounding.samples import Detection
from infer.asking.dataset_questions import read_questions
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.grammar.grammar_guide import GrammarGuide, TokenGrammar
from infer.engines.paddle.grammar.vocabulary import Vocabulary
from infer.engines.paddle.guides import Ending
from infer.engines.protocol import Request
from infer.engines.settings import EngineSettings
from models.family import Prompt
from tests.grounding.grammar.written_answers import (
    HARD_LABELS,
    SIZE,
    objects_named,
    plain_labels,
    written,
)

CATEGORIES = ("dog", "dog house", "red square", "红圆", "红方", 'a "b" \\ [c]')

formats = pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
both_labels = pytest.mark.parametrize("labels", [(), CATEGORIES], ids=["free", "listed"])


@cache
def grammar_of(answer_format: str, labels: tuple[str, ...], vocabulary: Vocabulary) -> TokenGrammar:
    return TokenGrammar(AnswerGrammar(answer_format, labels), vocabulary)


@formats
@settings(max_examples=20)
@given(objects=objects_named(plain_labels | st.sampled_from(HARD_LABELS)), seed=st.integers(0, 2**32))
def test_every_tokenization_of_a_written_answer_is_allowed(
    answer_format: str, objects: list[Detection], seed: int, vocabulary: Vocabulary
) -> None:
    symbols, chance = (*spell(written(answer_format, objects)), END), random.Random(seed)
    for ids in (vocabulary.segment(symbols), cut_at_random(symbols, vocabulary, chance)):
        guide = grammar_of(answer_format, (), vocabulary).guide(5000)
        for token_id in ids:
            assert guide.allowed()[token_id], vocabulary.spelled[token_id]
            assert guide.accept(token_id) is None


def cut_at_random(symbols: tuple[int, ...], vocabulary: Vocabulary, chance: random.Random) -> list[int]:
    ids, start = [], 0
    while start < len(symbols):
        ends = []
        for end in range(start + 1, min(start + 12, len(symbols)) + 1):
            if max(symbols[start:end]) < 256:
                ends += [(token, end) for token in [bytes(symbols[start:end])] if token in known(vocabulary)]
        if ends:
            token, start = chance.choice(ends)
            ids.append(known(vocabulary)[token])
        else:
            ids.append(vocabulary.symbol_ids[symbols[start]][0])
            start += 1
    return ids


@cache
def known(vocabulary: Vocabulary) -> dict[bytes, int]:
    return dict(zip(vocabulary.tokens, vocabulary.ids, strict=True))


@formats
@both_labels
@pytest.mark.parametrize("most", [40, 80, 200])
def test_answers_of_random_tokens_end_in_time_and_are_read(
    answer_format: str, labels: tuple[str, ...], most: int, vocabulary: Vocabulary
) -> None:
    """Each token is drawn evenly among all that are allowed, which long answers of odd labels prefer."""
    chance = random.Random(most)
    for _ in range(6):
        guide = grammar_of(answer_format, labels, vocabulary).guide(most)
        ids: list[int] = []
        while not ids or ids[-1] not in vocabulary.symbol_ids[END]:
            token_id = chance.choice(np.flatnonzero(guide.allowed()).tolist())
            guide.accept(token_id)
            ids.append(token_id)
            for forced in guide.forced():
                assert guide.allowed()[forced]
                guide.accept(forced)
                ids.append(forced)
        assert len(ids) <= most
        text = text_of(tuple(symbol for each in ids for symbol in vocabulary.spelled[each]))
        reading = read_answer(text, SIZE)
        assert set(reading.problems) <= {DUPLICATE}, text
        assert not labels or {found.label for found in reading.detections} <= set(labels)


@pytest.mark.parametrize(("most", "is_short"), [(30, True), (99, False)])
def test_an_answer_that_had_no_room_for_more_says_so(
    most: int, is_short: bool, tiny_vocabulary: Vocabulary
) -> None:
    guide = grammar_of("objects", ("dog",), tiny_vocabulary).guide(most)
    symbols = (*spell(written("objects", [Detection("dog", Box(100, 200, 300, 400))])), END)
    ids = tiny_vocabulary.segment(symbols)
    for token_id in ids:
        assert guide.allowed()[token_id]
        ending = guide.accept(token_id)
    assert ending == (Ending(len(ids) - 1, CLOSED_EARLY) if is_short else None)


def test_without_room_for_any_answer_the_answer_is_cut(tiny_vocabulary: Vocabulary) -> None:
    guide = grammar_of("objects", (), tiny_vocabulary).guide(2)
    for _ in range(2):
        allowed = guide.allowed()
        assert allowed.any()
        guide.accept(int(np.flatnonzero(allowed)[0]))


def test_a_token_outside_of_the_grammar_switches_the_guide_off(tiny_vocabulary: Vocabulary) -> None:
    guide = grammar_of("objects", (), tiny_vocabulary).guide(99)
    guide.accept(known(tiny_vocabulary)[b"]"])
    assert guide.allowed() is None
    assert guide.forced() == ()


@pytest.fixture
def requests(dataset: Any) -> list[Request]:
    return [question.request for question in read_questions(dataset.path, "val")]


def engine_with(
    checkpoint: Path, answer_format: str, labels: tuple[str, ...], batch_size: int = 8
) -> PaddleEngine:
    settings = EngineSettings(
        checkpoint=str(checkpoint),
        device="cpu",
        grammar=answer_format,
        max_new_tokens=70,
        score="min_prob",
        batch_size=batch_size,
        repeat_stop=False,  # random weights repeat themselves
    )
    engine = PaddleEngine(settings)
    if labels:
        engine.grammar = TokenGrammar(AnswerGrammar(answer_format, labels), vocabulary_in(engine))
    return engine


def vocabulary_in(engine: PaddleEngine) -> Vocabulary:
    assert engine.grammar is not None
    return engine.grammar.choices.vocabulary


@formats
@both_labels
def test_answers_of_random_weights_are_read(
    answer_format: str, labels: tuple[str, ...], tiny_checkpoint: Path, requests: list[Request]
) -> None:
    engine = engine_with(tiny_checkpoint, answer_format, labels, batch_size=32)
    texts = set()
    for temperature in (1.0, 2.0, 3.0):
        engine.decoding = replace(engine.decoding, temperature=temperature)
        asked = [replace(request, draw=draw) for request in requests[:3] for draw in range(8)]
        for answer in engine.answer(asked):
            texts.add(answer.text)
            assert not answer.is_cut
            assert answer.stopped in (None, CLOSED_EARLY)
            assert set(read_answer(answer.text, SIZE).problems) <= {DUPLICATE}, answer.text
            assert "".join(token.text for token in answer.tokens) == answer.text
            assert all(token.logprob <= 0 for token in answer.tokens)
    assert len(texts) > 8


@formats
def test_the_guide_is_that_of_the_pictures_asked_about(
    answer_format: str, tiny_checkpoint: Path, requests: list[Request]
) -> None:
    """Views are more pictures, and answers are about one of them."""
    engine = engine_with(tiny_checkpoint, answer_format, ())
    assert engine.grammar is not None
    several = Request(tuple(request.picture for request in requests[:2]), "", "<image><image>")
    found = [Detection("dog", Box(100, 200, 300, 400), picture=number) for number in (0, 1)]
    texts = [(several, found[1:], Asked((SIZE, SIZE)))]
    texts += [(request, found[:1], Asked((SIZE,))) for request in (requests[0], replace(several, about=1))]
    accepted = []
    for _, objects, asked in texts:
        answer = write_answer(answer_format, objects, asked)
        symbols = (*spell(fill_placeholders([answer.content], answer.objects)[0]), END)
        ids = engine.grammar.choices.vocabulary.segment(symbols)
        accepted.append([is_allowed(engine._guides(request)[0], ids) for request, _, _ in texts])
    assert accepted == [[True, False, False], [False, True, True], [False, True, True]]


def is_allowed(guide: Any, ids: Sequence[int]) -> bool:
    for token_id in ids:
        if not guide.allowed()[token_id]:
            return False
        guide.accept(token_id)
    return True


@formats
def test_a_batch_answers_as_each_request_alone(
    answer_format: str, any_checkpoint: Path, requests: list[Request]
) -> None:
    engine = engine_with(any_checkpoint, answer_format, CATEGORIES, batch_size=3)
    asked = [
        replace(each, max_tokens=limit) for each, limit in zip(requests[:4], (None, 45, 60, 4), strict=True)
    ]
    asked[1] = replace(asked[1], is_free_form=True)
    heard: list[list[str]] = [[] for _ in asked]
    together = engine.answer_live(asked, [own.append for own in heard])
    alone = [engine.answer([each])[0] for each in asked]
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    for answer, own in zip(together, heard, strict=True):  # forced tokens are told, too
        told = "".join(own)
        assert answer.text in (told, f"{told}\N{REPLACEMENT CHARACTER}")  # the last one can be incomplete
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(
            [token.logprob for token in one.tokens], [token.logprob for token in other.tokens], atol=1e-4
        )
    engine.grammar = None
    free = engine.answer(asked)
    assert free[1].text == together[1].text
    assert free[0].text != together[0].text
    assert together[3].is_cut == (answer_format == "objects")  # JSON's answer for nothing has room


class StepByStep(GrammarGuide):
    """Allows the next forced token alone, and forces none."""

    def allowed(self) -> Any:
        mask = super().allowed()
        if mask is not None and (forced := super().forced()):
            mask[:] = False
            mask[forced[0]] = True
        return mask

    def forced(self) -> Sequence[int]:
        return ()


@formats
def test_forced_tokens_have_the_models_probabilities(
    answer_format: str, tiny_checkpoint: Path, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_with(tiny_checkpoint, answer_format, CATEGORIES)
    asked = [replace(request, alternatives=2) for request in requests[:3]]
    jumping = engine.answer(asked)
    assert engine.grammar is not None
    grammar = engine.grammar
    monkeypatch.setattr(grammar, "guide", lambda most: StepByStep(grammar, most))
    for one, other in zip(jumping, engine.answer(asked), strict=True):
        assert one.text == other.text
        np.testing.assert_allclose(
            [token.logprob for token in one.tokens], [token.logprob for token in other.tokens], atol=1e-4
        )
        assert [[text for text, _ in token.alternatives] for token in one.tokens] == [
            [text for text, _ in token.alternatives] for token in other.tokens
        ]


def test_a_template_that_begins_a_thought_is_refused(
    tiny_checkpoint: Path, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_with(tiny_checkpoint, "objects", ())
    encode = engine.encoder.encode

    def thinking(*args: Any) -> Prompt:
        return replace(encode(*args), opens_thought=True)

    monkeypatch.setattr(engine.encoder, "encode", thinking)
    with pytest.raises(UserError, match=r"thought.*set grammar=none"):
        engine.answer(requests[:1])
