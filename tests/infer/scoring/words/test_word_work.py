"""Words and tokens of an answer take work linear in its length: a model may repeat itself for a long time."""

import pytest

from infer.scoring.words.answer_words import normal_phrase, words_of_answer
from infer.scoring.words.attributes import right_attributes
from infer.scoring.words.ptb_tokens import ptb_tokens
from tests.grounding import test_reading_work
from tests.grounding.test_reading_work import deadline

LENGTH = 200_000
DEADLINE_SECONDS = 20
"""Of processor time: linear work takes about one, quadratic work minutes."""

PIECES = {
    "line breaks": "\n",
    "spaces": " ",
    "fences": "```\n",
    "items": "- ",
    "tags without ends": "<a ",
    "open boxes": "<|box_start|>(1,2)",
    "tokens without ends": "<|a",
    "endings": "a's",
    "contractions": "n't",
    "abbreviations": "a.",
    "addresses": "https://a.b/c",
    "open addresses": "https://...",
    "hyphens": "a-",
    "dashes": "-",
    "dots": ".",
    "apostrophes": "'",
    "words": "dog ",
    "one word": "dog",
    "colours": "红色",
}


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_a_long_answer_is_read(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_reading_work, "DEADLINE_SECONDS", DEADLINE_SECONDS)
    text = piece * (LENGTH // len(piece))
    with deadline():
        words = words_of_answer(text)
        tokens = ptb_tokens(text)
        right_attributes(text[: LENGTH // 10], ["a red dog"], "dog")
        normal_phrase(text)
    assert len(words) <= len(text)
    assert sum(map(len, tokens)) <= 5 * len(text)  # a bracket has five letters
