"""Streams of events, read by the OpenAI client's own types."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from infer.engines.protocol import RawAnswer, Token
from infer.serve.replies.answer_fields import AnswerFields
from infer.serve.replies.event_stream import answer_events

ANSWER = RawAnswer("red\n\ndata: x", True, (Token("red\n", -0.5), Token("\ndata: x", -0.25)), prompt_tokens=9)


def chunks(answer: RawAnswer, **given: Any) -> list[ChatCompletionChunk]:
    events = list(answer_events("m", answer, AnswerFields.model_validate({"stream": True, **given})))
    assert events.pop() == b"data: [DONE]\n\n"
    assert all(event.startswith(b"data: {") and event.count(b"\n") == 2 for event in events)
    return [ChatCompletionChunk.model_validate(json.loads(event[6:]), strict=True) for event in events]


@pytest.mark.parametrize("count", [1, 3])
def test_each_choice_has_its_role_its_tokens_and_its_end(count: int) -> None:
    read = [chunk.choices[0] for chunk in chunks(ANSWER, n=count)]
    for number in range(count):
        own = [choice for choice in read if choice.index == number]
        assert own[0].delta.role == "assistant"
        assert "".join(choice.delta.content or "" for choice in own) == ANSWER.text
        assert [choice.finish_reason for choice in own] == [None, None, None, "length"]
        assert all(choice.logprobs is None for choice in own)


def test_tokens_come_with_their_probabilities() -> None:
    read = [chunk.choices[0].logprobs for chunk in chunks(ANSWER, logprobs=1)]
    assert [token.logprob for part in read if part for token in part.content or []] == [-0.5, -0.25]


def test_usage_is_a_last_chunk_without_choices_if_it_is_wanted() -> None:
    assert all(chunk.usage is None for chunk in chunks(ANSWER))
    *before, last = chunks(ANSWER, n=2, stream_options={"include_usage": True})
    assert all(chunk.usage is None and chunk.choices for chunk in before)
    assert last.choices == []
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens) == (9, 4, 13)


@pytest.mark.parametrize("text", ["", "whole"])
def test_an_answer_without_tokens_is_one_piece(text: str) -> None:
    read = chunks(RawAnswer(text, False))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in read) == text
    assert read[-1].choices[0].finish_reason == "stop"
