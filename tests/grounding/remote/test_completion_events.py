"""Streams of completions: read while they grow, and joined to the body of an answer in one piece."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.remote.completion_body import NotACompletionError, error_text, parse_completion
from grounding.remote.completion_events import GrowingCompletion, is_whole_stream, joined_completion

DONE = b"data: [DONE]\n\n"


def event(content: Any, end: bytes = b"\n\n") -> bytes:
    return b"data: " + json.dumps(content).encode() + end


def chunk(delta: Any, **choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}]}


def said(*texts: str, end: bytes = b"\n\n") -> bytes:
    last = event(chunk({}, finish_reason="stop"), end)
    return b"".join(event(chunk({"content": text}), end) for text in texts) + last + DONE


@given(
    texts=st.lists(st.text(max_size=5), max_size=5),
    cuts=st.lists(st.integers(0, 2000), max_size=5),
    end=st.sampled_from([b"\n\n", b"\r\n\r\n"]),
)
def test_a_text_grows_to_the_joined_answer(texts: list[str], cuts: list[int], end: bytes) -> None:
    body = b": hello\n\n" + said(*texts, end=end)
    growing, seen = GrowingCompletion(), [""]
    for start, stop in itertools.pairwise([0, *sorted(cuts), len(body) + 2000]):
        growing.feed(body[start:stop])
        seen.append(growing.text)
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(seen))
    found = parse_completion(joined_completion(body))
    assert (found.text, found.is_cut, found.problem) == ("".join(texts), False, None)
    assert seen[-1] == found.text


def test_half_a_character_waits_for_its_other_half() -> None:
    growing = GrowingCompletion()
    growing.feed(b'data: {"choices": [{"delta": {"content": "a\\ud83d"}}]}\n\n')
    assert growing.text == "a"
    growing.feed(b'data: {"choices": [{"delta": {"content": "\\ude00"}}]}\n\n')
    assert growing.text == "a\N{GRINNING FACE}"


def test_what_servers_add_is_joined_too() -> None:
    tokens = [{"token": text, "logprob": -1.0, "bytes": None} for text in ("a", " cat")]
    body = (
        event(chunk({"role": "assistant", "content": None, "reasoning_content": "hm"}))
        + event(chunk({"content": "a"}, logprobs={"content": tokens[:1]}))
        + event(chunk({"content": "other"}, index=1, finish_reason="stop"))
        + event(chunk({"content": " cat"}, logprobs={"content": tokens[1:]}, finish_reason="length"))
        + event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}})
        + DONE
    )
    found = parse_completion(joined_completion(body))
    assert (found.text, found.is_cut, found.has_thought) == ("a cat", True, True)
    assert (found.prompt_tokens, found.answer_tokens) == (7, 2)
    assert found.logprobs == {"content": tokens}


@pytest.mark.parametrize(
    ("deltas", "text", "problem"),
    [
        ([{"refusal": "I "}, {"refusal": "cannot"}], "I cannot", "refusal"),
        ([{"tool_calls": [{"index": 0}]}], "", "call of a tool in place of an answer"),
        ([{"reasoning": "hm"}], "", "thoughts without an answer"),
    ],
)
def test_what_comes_in_place_of_an_answer_is_named(deltas: list[Any], text: str, problem: str) -> None:
    body = b"".join(map(event, map(chunk, deltas))) + event(chunk({}, finish_reason="stop"))
    found = parse_completion(joined_completion(body))
    assert (found.text, found.problem) == (text, problem)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"choices": []}', b"[", b"\xff"])
def test_a_body_that_is_no_stream_stays_as_it_is(body: bytes) -> None:
    growing = GrowingCompletion()
    growing.feed(body)
    assert growing.text == ""
    assert joined_completion(body) == body
    assert is_whole_stream(body) == (body == b'{"choices": []}')


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (event(chunk({"content": "a red"})), "its stream ends before the answer does"),
        (said("a red")[:-40], "its stream ends before|an event is not JSON"),
        (b": ping\n\n", "its stream ends before"),
        (b"data: {\n\n" + said("a"), "an event is not JSON"),
        (b"data: 1" + b"0" * 5000 + b"\n\n", "an event is not JSON"),
        (b"data: " + b"[" * 200_000 + b"\n\n", "nested too deeply"),
        (event([]), "an event is not an object"),
        (event({"choices": 5}) + DONE, "choices of an event is not a list"),
        (event({}) + DONE, "choices of an event is not a list"),
        (event({"choices": [5]}) + DONE, "a choice of an event is not an object"),
        (event(chunk(5)) + DONE, "a delta of an event is not an object"),
        (event(chunk({"content": 5})) + DONE, "content of an event is not a text"),
        (event(chunk({"tool_calls": 5})) + DONE, "tool_calls of an event is not a list"),
        (event(chunk({}, logprobs=5)) + DONE, "logprobs of an event is not an object"),
        (event(chunk({}, logprobs={"content": 5})) + DONE, "logprobs of an event is not a list"),
    ],
)
def test_a_stream_that_is_none_is_said_to_be(body: bytes, message: str) -> None:
    GrowingCompletion().feed(body)
    with pytest.raises(NotACompletionError, match=message):
        joined_completion(body)


def test_an_error_after_some_events_is_the_servers_word() -> None:
    body = event(chunk({"content": "a"})) + event({"error": {"message": "out of memory"}})
    assert is_whole_stream(body)
    assert error_text(joined_completion(body)) == "out of memory"
