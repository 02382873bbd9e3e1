import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.answers.reader import read_answer
from grounding.boxes import Size
from infer.asking.parsed_answers import NO_SCORE, parse_raw_answer
from infer.asking.token_scores import SMALLEST, token_scores
from infer.engines.protocol import RawAnswer, Token

SIZE = Size(1000, 1000)


def tokens_of(*pairs: tuple[str, float]) -> tuple[Token, ...]:
    return tuple(Token(text, math.log(probability)) for text, probability in pairs)


TWO_BOXES = tokens_of(
    ("<|object_ref_start|>", 0.01),
    ("red", 0.5),
    (" cup", 0.8),
    ("<|object_ref_end|>", 0.01),
    ("<|box_start|>", 1.0),
    ("(1,2),", 0.9),
    ("(3,4)", 0.4),
    ("<|box_end|>", 1.0),
    ("<|box_start|>", 1.0),
    ("(5,6),(7,8)", 0.25),
    ("<|box_end|>", 1.0),
    (", ", 0.01),
)


def text_of(tokens: tuple[Token, ...]) -> str:
    return "".join(token.text for token in tokens)


def scores_of(tokens: tuple[Token, ...], score: str) -> list[float | None]:
    answered = parse_raw_answer(RawAnswer(text_of(tokens), False, tokens), SIZE, score)
    return [found.score for found in answered.detections]


def test_a_score_is_made_of_the_tokens_of_label_and_box_alone() -> None:
    assert scores_of(TWO_BOXES, "min_prob") == [0.4, 0.25]
    first = (0.5 * 0.8 * 1.0 * 0.9 * 0.4 * 1.0) ** (1 / 6)
    second = (0.5 * 0.8 * 1.0 * 0.25 * 1.0) ** (1 / 5)  # its label is that of the first
    assert scores_of(TWO_BOXES, "mean_logprob") == [round(first, 4), round(second, 4)]
    assert scores_of(TWO_BOXES, "none") == [None, None]


def test_json_is_scored_by_label_and_list() -> None:
    tokens = tokens_of(
        ('[{"bbox', 0.01), ('_2d": ', 0.01), ("[1, 2,", 0.9), (" 3, 4]", 0.7), (', "label": "', 0.01),
        ("cat", 0.6), ('"}, {"label": "', 0.01), ("d", 0.5), ('og", "bbox_2d": [', 0.3), ("5,6,7,8]}]", 0.8),
    )  # fmt: skip
    assert scores_of(tokens, "min_prob") == [0.6, 0.3]


def test_tokens_without_a_character_count_with_the_next_one() -> None:
    tokens = tokens_of(("a ", 0.01), ("", 0.2), ("红", 0.9), ("(1,2),(3,4)", 0.9))
    assert token_scores(tokens, [((2, 3), (3, 14))], "min_prob") == [0.2]
    assert token_scores(tokens, [((3, 14),)], "min_prob") == [0.9]


def test_a_token_with_text_that_ends_within_the_label_counts() -> None:
    """A blank and the first byte of the label can be one token of Qwen's."""
    texts = (
        ("a,", 0.01, False),
        (" ", 0.2, True),
        ("", 0.3, True),
        ("红", 0.9, False),
        ("(1,2),(3,4)", 0.9, False),
    )
    tokens = [Token(text, math.log(probability), is_cut) for text, probability, is_cut in texts]
    assert token_scores(tokens, [((3, 4), (4, 15))], "min_prob") == [0.2]
    assert token_scores(tokens, [((4, 15),)], "min_prob") == [0.9]


def test_an_answer_without_tokens_has_boxes_without_a_score() -> None:
    answered = parse_raw_answer(RawAnswer("cat(1,2),(3,4)", False), SIZE, "min_prob")
    assert [found.score for found in answered.detections] == [None]
    assert answered.problems == (NO_SCORE,)
    assert (
        parse_raw_answer(RawAnswer("None of them is in the image.", False), SIZE, "min_prob").problems == ()
    )


@pytest.mark.parametrize("score", ["mean_logprob", "min_prob"])
@pytest.mark.parametrize(("logprob", "expected"), [(-1e9, SMALLEST), (1e-9, 1.0), (-math.inf, SMALLEST)])
def test_scores_lie_above_0_and_reach_1(score: str, logprob: float, expected: float) -> None:
    assert token_scores([Token("cat", logprob)], [((0, 3),)], score) == [expected]


@given(
    st.lists(st.text("abc(),1", max_size=4), min_size=1, max_size=12),
    st.data(),
)
def test_tokens_are_those_that_share_a_character(texts: list[str], data: st.DataObject) -> None:
    length = len("".join(texts))
    start, end = sorted(data.draw(st.tuples(st.integers(0, length), st.integers(0, length))))
    places = [place for place, text in enumerate(texts) for _ in text]
    logprobs = [-1.0 - place / 8 for place in range(len(texts))]
    tokens = list(map(Token, texts, logprobs))
    expected = min((logprobs[place] for place in places[start:end]), default=None)
    if start < end and expected is not None:
        assert token_scores(tokens, [((start, end),)], "min_prob") == [round(math.exp(expected), 4)]


def test_a_long_answer_is_scored_in_linear_time() -> None:
    text = "cat(1,2),(30,40), " * 3000
    reading = read_answer(text, SIZE)
    scores = token_scores([Token(character, -0.5) for character in text], reading.spans, "mean_logprob")
    assert scores == [round(math.exp(-0.5), 4)] * 3000


def test_a_token_that_the_answer_does_not_show_does_not_count() -> None:
    """Servers list special tokens that they leave out of the text; those around a box are a part of it."""
    shown = tokens_of(("red", 0.5), ("(1,2),(3,4)", 0.9))
    hidden = Token("", math.log(0.01), content=b"<|object_ref_end|>")
    assert (
        scores_of((hidden, shown[0], hidden, shown[1]), "min_prob") == scores_of(shown, "min_prob") == [0.5]
    )
    start, end = (
        Token("", math.log(p), content=mark) for p, mark in ((0.4, b"<|box_start|>"), (0.3, b"<|box_end|>"))
    )
    assert scores_of((shown[0], hidden, start, shown[1]), "min_prob") == [0.4]
    assert scores_of((shown[0], hidden, start, shown[1], end, hidden), "min_prob") == [0.3]
    part = Token("", math.log(0.01), is_unfinished=True, content="红".encode()[:1])
    assert scores_of((part, Token("红", -0.1), shown[1]), "min_prob") == [0.01]
