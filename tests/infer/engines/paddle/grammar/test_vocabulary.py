import random
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.grammar.symbols import END, spell
from infer.engines.paddle.grammar.vocabulary import Vocabulary

TEXT = '<|object_ref_start|>红色 dog\'s "x"<|object_ref_end|><|box_start|>(12,3),(400,1000)<|box_end|>'


def test_tokens_spell_the_text(vocabulary: Vocabulary) -> None:
    ids = vocabulary.tokenizer(TEXT, add_special_tokens=False)["input_ids"]
    assert tuple(symbol for token_id in ids for symbol in vocabulary.spelled[token_id]) == spell(TEXT)
    assert vocabulary.segment((*spell(TEXT), END)) == [*ids, vocabulary.symbol_ids[END][0]]
    assert vocabulary.segment(spell(TEXT)[1:2]) == []  # a third of a character
    assert all(vocabulary.spelled[token_id] == (END,) for token_id in vocabulary.symbol_ids[END])


def test_children_split_the_tokens(vocabulary: Vocabulary) -> None:
    chance = random.Random(0)
    for token in chance.sample(vocabulary.tokens, 10):
        node = vocabulary.root
        for depth, byte in enumerate(token):
            longer = [each for each in vocabulary.tokens[node.first : node.last] if len(each) > depth]
            children = vocabulary.children(node)
            assert sum(child.last - child.first for child in children.values()) == len(longer)
            node = children[byte]
            assert all(
                each[: depth + 1] == token[: depth + 1] for each in vocabulary.tokens[node.first : node.last]
            )
    assert all(len(each) > 1 and each.startswith(b"d") for each in vocabulary.beginning_with(b"d"))
    assert b"dog" in set(vocabulary.beginning_with(b"d"))


def test_the_fewest_tokens_of_symbols(vocabulary: Vocabulary) -> None:
    chance, known = random.Random(0), set(vocabulary.tokens)
    for _ in range(50):
        symbols = spell(
            "".join(
                chance.choice(["<|box_start|>", "dog", "), (", '": [', "label", " ", "1"]) for _ in range(4)
            )
        )
        fewest = vocabulary.fewest_tokens(symbols)
        assert fewest <= len(vocabulary.segment(symbols))
        best = [0]  # by the length of the beginning
        for end in range(1, len(symbols) + 1):
            starts = [
                start
                for start in range(end)
                if (end - start == 1 and symbols[start] >= 256)
                or (max(symbols[start:end]) < 256 and bytes(symbols[start:end]) in known)
            ]
            best.append(1 + min(best[start] for start in starts))
        assert fewest == best[-1]


def test_two_tokens_are_two_at_most(vocabulary: Vocabulary) -> None:
    """The longest token at the beginning is not always one of the fewest."""
    chance = random.Random(0)
    for _ in range(2000):
        both = tuple(chance.choice(vocabulary.tokens) + chance.choice(vocabulary.tokens))
        assert vocabulary.fewest_tokens(both) <= 2


class WithoutBoxes:
    """A tokenizer of bytes."""

    def __len__(self) -> int:
        return 256

    def convert_ids_to_tokens(self, ids: list[int]) -> list[Any]:
        from infer.engines.token_texts import _byte_of_character

        return list(_byte_of_character())


def test_a_tokenizer_that_cannot_spell_answers_is_refused() -> None:
    with pytest.raises(UserError, match="set grammar=none"):
        Vocabulary(WithoutBoxes(), [])
