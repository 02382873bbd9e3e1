"""Listed tokens with alternatives: ranked, bounded, and with one way to write the logarithm of 0."""

import math
from typing import Any

import pytest

from infer.engines.openai.listed_tokens import NoLogprobsError, read_tokens


def listed(token: str, logprob: Any, **more: Any) -> dict[str, Any]:
    return {"token": token, "bytes": None, "logprob": logprob, **more}


def test_alternatives_are_ranked_and_no_more_than_asked_for() -> None:
    """A server can put the token itself first, and beside as many others as were asked for."""
    others = [listed("7", -3.0), listed("1", -0.5), listed("2", -1.0), listed("3", -2.0)]
    (token,) = read_tokens({"content": [listed("7", -3.0, top_logprobs=others)]}, "7", 3)
    assert token.alternatives == (("1", -0.5), ("2", -1.0), ("3", -2.0))
    (token,) = read_tokens({"content": [listed("7", -3.0, top_logprobs=others)]}, "7", 0)
    assert token.alternatives == ()


def test_bytes_come_before_text_and_parts_of_characters_are_shown_as_such() -> None:
    others = [listed("\\xe7", -0.5, bytes=[0xE7]), listed("x", -1.0, bytes=list("红".encode()))]
    (token,) = read_tokens({"content": [listed("a", -3.0, top_logprobs=others)]}, "a", 2)
    assert token.alternatives == (("\ufffd", -0.5), ("红", -1.0))


@pytest.mark.parametrize(
    ("logprob", "read"),
    [
        (-9999.0, -math.inf),
        (-9999, -math.inf),
        (-1e300, -math.inf),
        (-math.inf, -math.inf),
        (-9998.0, -9998.0),
        (1e-7, 0.0),
        (1e300, 0.0),
        (0, 0.0),
    ],
)
def test_the_logarithm_of_zero_and_roundings(logprob: float, read: float) -> None:
    pieces = [listed("a", logprob, top_logprobs=[listed("b", logprob)])]
    (token,) = read_tokens({"content": pieces}, "a", 5)
    assert (token.logprob, token.alternatives) == (read, (("b", read),))


@pytest.mark.parametrize(
    "others",
    [
        *(5, {}, "ab", [5], [None], [{"logprob": -1.0}], [[]]),
        *([listed("b", logprob)] for logprob in (None, math.nan, math.inf, "-1", True)),
        [listed("b", -1.0, bytes=5)],
    ],
)
def test_alternatives_of_other_types_leave_no_tokens(others: Any) -> None:
    pieces = [listed("a", -1.0, top_logprobs=others), listed("b", -1.0, top_logprobs=[listed("c", -1.0)])]
    assert read_tokens({"content": pieces}, "ab", 5) == ()


def test_an_answer_without_any_alternative_is_refused_and_one_without_tokens_is_not() -> None:
    for others in ([], None):
        with pytest.raises(NoLogprobsError, match="sends no alternatives"):
            read_tokens({"content": [listed("a", -1.0, top_logprobs=others)]}, "a", 5)
    assert read_tokens({"content": []}, "", 5) == ()
    some = [listed("a", -1.0, top_logprobs=[listed("c", -1.0)]), listed("b", -1.0)]
    assert [len(token.alternatives) for token in read_tokens({"content": some}, "ab", 5)] == [1, 0]
