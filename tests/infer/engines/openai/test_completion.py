"""Bodies of any types are read, or refused by name; behaviours.py has those that servers are known for."""

import contextlib
import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.remote.completion_body import NotACompletionError, error_text
from infer.engines.openai.completion import read_completion
from infer.engines.openai.listed_tokens import NoLogprobsError

TEXT = "red(1,2),(3,4)"
BODY: dict[str, Any] = {
    "choices": [
        {
            "message": {"role": "assistant", "content": TEXT},
            "finish_reason": "length",
            "logprobs": {
                "content": [
                    {
                        "token": TEXT,
                        "bytes": list(TEXT.encode()),
                        "logprob": -0.5,
                        "top_logprobs": [
                            {"token": TEXT, "bytes": list(TEXT.encode()), "logprob": -0.5},
                            {"token": "blue", "bytes": None, "logprob": -1.5},
                        ],
                    }
                ]
            },
        }
    ]
}
CHOICE = ("choices", 0)
PIECE = (*CHOICE, "logprobs", "content", 0)
PLACES = [
    ("choices",),
    CHOICE,
    (*CHOICE, "message"),
    (*CHOICE, "message", "content"),
    (*CHOICE, "finish_reason"),
    (*CHOICE, "logprobs"),
    (*CHOICE, "logprobs", "content"),
    PIECE,
    *((*PIECE, key) for key in ("token", "bytes", "logprob")),
    (*PIECE, "bytes", 0),
    (*PIECE, "top_logprobs"),
    *((*PIECE, "top_logprobs", 1, key) for key in ("token", "bytes", "logprob")),
    (*PIECE, "top_logprobs", 0),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(place=st.sampled_from(PLACES), value=VALUES)
@settings(max_examples=400, deadline=None, derandomize=True)
def test_any_value_anywhere_is_read_or_refused_by_name(place: tuple[Any, ...], value: Any) -> None:
    body = copy.deepcopy(BODY)
    parent: Any = body
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    with contextlib.suppress(NotACompletionError, NoLogprobsError):
        answer = read_completion(json.dumps(body).encode(), with_tokens=True, alternatives=2)
        assert answer.text.encode("utf-8") is not None
        assert "".join(token.text for token in answer.tokens) in ("", answer.text)
        ranked = [pair for token in answer.tokens for pair in token.alternatives]
        values = [token.logprob for token in answer.tokens] + [value for _, value in ranked]
        assert all(value <= 0 for value in values)  # NaN is not
        assert all(text.encode("utf-8") is not None for text, _ in ranked)


@given(st.binary(max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_bytes_are_refused_by_name_and_shown_as_text(body: bytes) -> None:
    with contextlib.suppress(NotACompletionError):
        read_completion(body, with_tokens=False)
    assert isinstance(error_text(body), str)


def test_the_answer_is_that_of_the_first_choice() -> None:
    answer = read_completion(json.dumps(BODY).encode(), with_tokens=True)
    assert (answer.text, answer.is_cut, len(answer.tokens)) == (TEXT, True, 1)
    assert read_completion(json.dumps(BODY).encode(), with_tokens=False).tokens == ()
