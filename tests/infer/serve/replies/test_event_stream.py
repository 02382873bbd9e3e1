"""Streams of events, read by the OpenAI client's own types."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from infer.engines.protocol import RawAnswer, Token
from infer.serve.replies.answer_fields import AnswerFields
from infer.serve.replies.choices import cut_answer
from infer.serve.replies.event_stream import AnswerEvents, error_event

ANSWER = RawAnswer("red\n\ndata: x", True, (Token("red\n", -0.5), Token("\ndata: x", -0.25)), prompt_tokens=9)


def read(events: list[bytes]) -> list[ChatCompletionChunk]:
    assert all(event.startswith(b"data: {") and event.count(b"\n") == 2 for event in events)
    return [ChatCompletionChunk.model_validate(json.loads(event[6:]), strict=True) for event in events]


def chunks(answer: RawAnswer, pieces: Sequence[str] = (), **wanted: Any) -> list[ChatCompletionChunk]:
    """Return the chunks of an answer of which these pieces were told while it was decoded."""
    fields = AnswerFields.model_validate({"stream": True, **wanted})
    maker = AnswerEvents("m", fields)
    events = [*maker.start(), *(event for piece in pieces for event in maker.piece(piece))]
    events += maker.rest(cut_answer(answer, fields))
    assert events.pop() == b"data: [DONE]\n\n"
    return read(events)


@pytest.mark.parametrize("count", [1, 3])
def test_each_choice_has_its_role_its_tokens_and_its_end(count: int) -> None:
    found = [chunk.choices[0] for chunk in chunks(ANSWER, n=count)]
    for number in range(count):
        own = [choice for choice in found if choice.index == number]
        assert own[0].delta.role == "assistant"
        assert "".join(choice.delta.content or "" for choice in own) == ANSWER.text
        assert [choice.finish_reason for choice in own] == [None, None, None, "length"]
        assert all(choice.logprobs is None for choice in own)


def test_tokens_come_with_their_probabilities() -> None:
    found = [chunk.choices[0].logprobs for chunk in chunks(ANSWER, logprobs=1)]
    assert [token.logprob for part in found if part for token in part.content or []] == [-0.5, -0.25]


def test_usage_is_a_last_chunk_without_choices_if_it_is_wanted() -> None:
    assert all(chunk.usage is None for chunk in chunks(ANSWER))
    *before, last = chunks(ANSWER, n=2, stream_options={"include_usage": True})
    assert all(chunk.usage is None and chunk.choices for chunk in before)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (9, 4, 13)


@pytest.mark.parametrize("text", ["", "whole"])
def test_an_answer_without_tokens_is_one_piece(text: str) -> None:
    found = chunks(RawAnswer(text, False))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in found) == text
    assert found[-1].choices[0].finish_reason == "stop"


@given(
    text=st.text("ab", max_size=12),
    stops=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    untold=st.integers(0, 3),
    count=st.integers(1, 2),
)
def test_pieces_join_to_the_answer_and_show_nothing_of_a_stop(
    text: str, stops: list[str], cuts: list[int], untold: int, count: int
) -> None:
    fields = AnswerFields.model_validate({"stream": True, "stop": stops, "n": count})
    told = text[: len(text) - untold]
    places = [0, *sorted(min(cut, len(told)) for cut in cuts), len(told)]
    pieces = [told[start:end] for start, end in itertools.pairwise(places)]
    whole = cut_answer(RawAnswer(text, False), fields).text
    found = chunks(RawAnswer(text, False), pieces, stop=stops, n=count)
    for number in range(count):
        own = [choice for chunk in found for choice in chunk.choices if choice.index == number]
        said = "".join(choice.delta.content or "" for choice in own)
        assert said == whole


def test_a_piece_is_sent_at_once_but_for_what_may_begin_a_stop() -> None:
    maker = AnswerEvents("m", AnswerFields.model_validate({"stream": True, "stop": ["END"]}))
    sent = [read(list(maker.piece(piece))) for piece in ("a red cat", "E", "N", "d it")]
    texts = ["".join(chunk.choices[0].delta.content or "" for chunk in each) for each in sent]
    assert texts == ["a red c", "a", "t", "ENd "]


def test_an_answer_that_is_not_what_was_sent_of_it_is_no_answer() -> None:
    maker = AnswerEvents("m", AnswerFields.model_validate({"stream": True}))
    assert list(maker.piece("a blue"))
    with pytest.raises(AssertionError, match="not what was sent"):
        list(maker.rest(RawAnswer("a red", False)))


def test_an_error_in_the_middle_has_the_form_of_openais() -> None:
    assert json.loads(error_event("no memory")[6:])["error"]["message"] == "no memory"
