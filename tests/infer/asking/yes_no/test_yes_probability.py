import math

import pytest

from infer.asking.yes_no.yes_probability import yes_share
from infer.engines.protocol import RawAnswer, Token


def answering(*alternatives: tuple[str, float], **fields: object) -> RawAnswer:
    """An answer of one token, with the probabilities of the likeliest tokens at its place."""
    logprobs = tuple((text, math.log(value)) for text, value in alternatives)
    return RawAnswer("Yes", True, (Token("Yes", -0.1, alternatives=logprobs),), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("alternatives", "share"),
    [
        ([("Yes", 0.6), ("No", 0.2)], 0.75),
        ([("No", 0.6), ("Yes", 0.2), ("The", 0.2)], 0.25),
        ([("Yes", 0.3), (" yes", 0.2), ("YES", 0.1), ("No", 0.1), (" no", 0.1)], 0.75),
        ([("是", 0.3), ("否", 0.05), ("不", 0.05)], 0.75),
        ([("Yes", 0.9), ("Maybe", 0.1)], 1.0),
        ([("no", 0.9)], 0.0),
        ([("Y", 0.06), ("N", 0.02), ("[", 0.9)], 0.75),
    ],
)
def test_all_spellings_count(alternatives: list[tuple[str, float]], share: float) -> None:
    assert yes_share(answering(*alternatives)) == pytest.approx(share)


@pytest.mark.parametrize(
    "answer",
    [
        answering(),
        answering(("[", 0.9), ("The", 0.1)),
        answering(("[", 0.99), ("Yes", 0.004), ("No", 0.004)),
        answering(("Yes", 0.9), in_thought=True),
        answering(("Yes", 0.9), problem="refused"),
        RawAnswer("Yes", is_cut=True),
        RawAnswer("", is_cut=False),
    ],
)
def test_no_answer_to_the_question_has_no_share(answer: RawAnswer) -> None:
    assert yes_share(answer) is None


def test_only_the_first_token_is_read() -> None:
    first = Token("The", -0.1, alternatives=(("The", -0.1),))
    second = Token("Yes", -0.1, alternatives=(("Yes", -0.1), ("No", -2.4)))
    assert yes_share(RawAnswer("TheYes", False, (first, second))) is None
