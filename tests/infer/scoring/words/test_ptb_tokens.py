import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infer.scoring.words.ptb_tokens import ptb_tokens

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))

AS_STANFORD = {
    "a man's hat isn't on the table": "a man 's hat is n't on the table",
    "The dog (left), 2nd row!": "the dog -lrb- left -rrb- 2nd row",
    "cannot; won't - let's...": "can not wo n't let 's",
    'woman "x" in t-shirt w/ $5 & 50% off': "woman x in t-shirt w / $ 5 & 50 % off",
    "black/white cat no. 7 of the u.s.": "black/white cat no. 7 of the u.s.",
    "rock'n'roll, 'tis o'clock; ma'am": "rock 'n' roll 't is o'clock ma'am",
    "it’s “quoted” – yes": "it 's quoted yes",
    "10,000 people at 3:30pm, 5'10\" tall": "10,000 people at 3:30 pm 5 10 tall",
}
"""Printed by edu.stanford.nlp.process.PTBTokenizer -lowerCase, without the punctuation."""


@pytest.mark.parametrize(("text", "tokens"), AS_STANFORD.items())
def test_tokens_are_those_of_stanfords_program(text: str, tokens: str) -> None:
    assert " ".join(ptb_tokens(text)) == tokens


def test_the_sample_has_the_stored_tokens_of_stanfords_program() -> None:
    assert [" ".join(ptb_tokens(item["given"])) for item in REFERENCE["sample"]] == REFERENCE["tokens"]


@given(st.text(max_size=60))
def test_any_text_has_tokens_without_spaces_and_loses_no_letter(text: str) -> None:
    tokens = ptb_tokens(text)
    assert all(token and not any(map(str.isspace, token)) for token in tokens)
    letters = [letter for letter in text.lower() if letter.isascii() and letter.isalpha()]
    named = {"-lrb-", "-rrb-", "-lsb-", "-rsb-", "-lcb-", "-rcb-"}
    kept = "".join(token for token in tokens if token not in named)
    assert [letter for letter in kept if letter.isascii() and letter.isalpha()] == letters


def test_a_text_without_words_has_no_tokens() -> None:
    assert ptb_tokens("") == ptb_tokens(' . , -- "" ') == []
