"""The stages that a server's answers tell: counts of tokens, probabilities, and where answers part."""

from dataclasses import replace

import pytest

from infer.parity.answer_stages import (
    decoding_difference,
    first_gap,
    first_server_difference,
    first_token_difference,
    parts_at_a_tie,
)
from infer.parity.seen import SeenAnswer
from tests.infer.parity.made_answers import ANSWER, comparison


def counted(*more: int | None) -> list[SeenAnswer]:
    return [replace(ANSWER, prompt_tokens=None if count is None else 40 + count) for count in more]


@pytest.mark.parametrize(
    ("more", "stage", "word"),
    [
        ((0, 0, 0, 0), None, ""),
        ((None, None, None, None), None, ""),  # no usage
        ((4, 4, 4, 4), "template", "+4 to +4 tokens in a prompt, as many as an empty think block has"),
        ((-3, -3, -3, -3), "template", "-3 to -3 tokens in a prompt: give it"),
        ((0, 0, 2, 0), "template", "+0 to +2"),  # pictures of one size, with other questions
        ((0, -5, 0, -5), "image size", "2 of 4 pictures, -5 for one of 100x75 pixels"),
        ((3, None, 3, None), "template", "+3 to +3"),
    ],
)
def test_counts_of_tokens_tell_template_and_image_size(
    more: tuple[int | None, ...], stage: str | None, word: str
) -> None:
    found = first_server_difference(comparison(*counted(*more)))
    assert (found.stage if found else None) == stage
    assert found is None or word in found.detail


@pytest.mark.parametrize(
    "answer",
    [
        replace(ANSWER, text="<think>\n\n</think>\n\nred(1,2),(3,4)", prompt_tokens=None),
        replace(ANSWER, text="hm</think>red(1,2),(3,4)", prompt_tokens=None),
        replace(ANSWER, text="", tokens=(), problem="thoughts without an answer", prompt_tokens=None),
    ],
)
def test_thoughts_in_the_answers_are_the_templates(answer: SeenAnswer) -> None:
    found = first_server_difference(comparison(answer, ANSWER))
    assert found is not None
    assert (found.stage, "1 of 2 answers of the server have a think block" in found.detail) == (
        "template",
        True,
    )
    assert first_server_difference(comparison(answer, ours=answer)) is None


def shifted(gap: float) -> SeenAnswer:
    return replace(ANSWER, logprobs=(-0.5 - gap, -0.25))


@pytest.mark.parametrize(
    ("gaps", "stage"),
    [
        ((1e-5, 1e-5), None),
        ((1e-5, 5e-3), None),  # rounding of pixels
        ((1e-5, 0.05), "pixels"),
        ((1e-3, 1e-3), "first token"),
        ((1e-3, 0.05), "first token"),
        ((float("nan"), float("nan")), "first token"),
    ],
)
def test_probabilities_tell_a_filter_from_the_model(gaps: tuple[float, float], stage: str | None) -> None:
    found = first_server_difference(comparison(*map(shifted, gaps)))
    assert (found.stage if found else None) == stage
    found = first_token_difference(comparison(*map(shifted, gaps), dtype="float16"))
    assert (found.stage if found else None) == (stage and "first token")
    assert found is None or "(dtype float32 here, float16 there): give both the same dtype" in found.detail


def test_another_first_token_is_a_difference() -> None:
    other = replace(ANSWER, tokens=("blue", "(1,2),(3,4)"))
    found = first_token_difference(comparison(other, other))
    assert found is not None
    assert "2 of 2 first tokens differ, by up to 0, 2 are other tokens" in found.detail


@pytest.mark.parametrize(
    ("theirs", "ours", "gap"),
    [
        (ANSWER, ANSWER, 0.0),
        (SeenAnswer(""), ANSWER, float("inf")),  # it ended at once
        (ANSWER, SeenAnswer(""), float("inf")),
        (SeenAnswer(""), SeenAnswer(""), None),
        (SeenAnswer("red"), ANSWER, None),  # no probabilities
    ],
)
def test_a_gap_is_known_where_both_give_tokens(
    theirs: SeenAnswer, ours: SeenAnswer, gap: float | None
) -> None:
    (pair,) = comparison(theirs, ours=ours).pairs
    assert first_gap(pair) == gap


def test_where_answers_part_is_said() -> None:
    other = replace(ANSWER, tokens=("red",), logprobs=(-0.5,))
    found = decoding_difference(comparison(ANSWER, other))
    assert found.stage == "decoding"
    assert (
        "1 of 2 answers part after an equal start, the first at token 1, '(1,2),(3,4)' here" in found.detail
    )
    assert "'the end' there" in found.detail
    assert "no probabilities" in decoding_difference(comparison(SeenAnswer("blue"))).detail


@pytest.mark.parametrize(
    ("second", "is_tie"),
    [(("(5,6)", -0.251), True), (("(5,6)", -0.5), False), (None, False)],
)
def test_a_tie_is_two_tokens_as_likely(second: tuple[str, float] | None, is_tie: bool) -> None:
    tokens, logprobs = (("red", second[0]), (-0.5, second[1])) if second else (("red",), (-0.5,))
    (pair,) = comparison(replace(ANSWER, tokens=tokens, logprobs=logprobs)).pairs
    assert parts_at_a_tie(pair) is is_tie
