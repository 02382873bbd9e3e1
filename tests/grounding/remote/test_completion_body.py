"""What a completion's body tells beside its text; the forms of bodies are in tests/infer/engines/openai."""

import json
from typing import Any

import pytest

from grounding.remote.completion_body import FILTERED, REFUSAL, parse_completion


def body(usage: Any = None, reason: str = "stop", **message: Any) -> bytes:
    choice = {"message": {"content": "a dog", **message}, "finish_reason": reason}
    return json.dumps({"choices": [choice], "usage": usage}).encode()


def test_the_server_counts_both_kinds_of_tokens() -> None:
    found = parse_completion(body({"prompt_tokens": 700, "completion_tokens": 9, "total_tokens": 709}))
    assert (found.prompt_tokens, found.answer_tokens) == (700, 9)
    assert (found.text, found.problem, found.is_cut, found.has_thought) == ("a dog", None, False, False)


@pytest.mark.parametrize("usage", [None, 5, [], {}, {"prompt_tokens": True, "completion_tokens": "9"}])
def test_what_is_no_number_of_tokens_is_not_known(usage: Any) -> None:
    found = parse_completion(body(usage))
    assert (found.prompt_tokens, found.answer_tokens) == (None, None)


def test_a_refusal_is_no_cut_answer_and_a_filter_is_named() -> None:
    refused = parse_completion(body(reason="length", content=None, refusal="I cannot help"))
    assert (refused.text, refused.problem, refused.is_cut) == ("I cannot help", REFUSAL, False)
    assert parse_completion(body(reason="content_filter")).problem == FILTERED
    assert parse_completion(body(reason="length")).is_cut
