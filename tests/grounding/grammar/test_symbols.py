import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.grammar.symbols import END, TOKEN_SYMBOLS, spell, text_of
from grounding.markup import GROUNDING_TOKENS


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",))) | st.sampled_from(GROUNDING_TOKENS)))
def test_symbols_spell_the_text(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert text_of(spell(text)) == text
    assert text_of((*spell(text), END)) == text


def test_a_grounding_token_is_one_symbol() -> None:
    assert spell("<|box_start|>(") == (TOKEN_SYMBOLS["<|box_start|>"], 0x28)


def test_an_unfinished_character_is_left_out() -> None:
    assert text_of(spell("a红")[:-1]) == "a"
    with pytest.raises(UnicodeDecodeError):
        text_of((0xBA, 0xA2))
