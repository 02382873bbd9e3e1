"""A tokenizer's tokens as symbols, sorted, so that all tokens with the same beginning are found together."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from grounding.errors import UserError
from grounding.grammar.symbols import END, TOKEN_SYMBOLS, Symbols, text_of
from infer.engines.token_texts import bytes_of_token


class TokenRange(NamedTuple):
    """The tokens `first` to `last` of the sorted ones, which begin with the same `depth` bytes."""

    first: int
    last: int
    depth: int


class Vocabulary:
    """The tokens of a tokenizer, as an answer's grammar reads them.

    A grounding token is a symbol of its own, and so are the tokens that end an answer; the others are bytes.
    """

    def __init__(self, tokenizer: Any, end_ids: Sequence[int]) -> None:
        """Take a byte-level tokenizer, and the ids that end an answer, the usual one first.

        Raises:
            UserError: a byte or a grounding token is no token of the tokenizer.
        """
        self.tokenizer, self.width = tokenizer, len(tokenizer)
        self.symbol_ids: dict[int, tuple[int, ...]] = {END: tuple(end_ids)}
        self.spelled: list[Symbols] = []
        ordinary: list[tuple[bytes, int]] = []
        for token_id, token in enumerate(tokenizer.convert_ids_to_tokens(list(range(self.width)))):
            symbol = END if token_id in self.symbol_ids[END] else TOKEN_SYMBOLS.get(token)
            spelled = b"" if token is None or symbol is not None else bytes_of_token(token)
            self.spelled.append(tuple(spelled) if symbol is None else (symbol,))
            if symbol is not None and symbol != END:
                self.symbol_ids[symbol] = (token_id,)
            if spelled:
                ordinary.append((spelled, token_id))
        ordinary.sort()
        self.tokens, self.ids = [token for token, _ in ordinary], [token_id for _, token_id in ordinary]
        self.root = TokenRange(0, len(self.tokens), 0)
        self._children: dict[TokenRange, dict[int, TokenRange]] = {}
        known = set(self.tokens)
        missing = [byte for byte in range(256) if bytes([byte]) not in known]
        if missing or not all(symbol in self.symbol_ids for symbol in TOKEN_SYMBOLS.values()):
            raise UserError(
                "grammar: the tokenizer has no token for each byte and each of "
                f"{', '.join(TOKEN_SYMBOLS)}: set grammar=none"
            )

    @cached_property
    def columns(self) -> tuple[Any, Any, Any]:
        """The bytes of the sorted tokens one after the other, where each token starts, and its length."""
        lengths = np.array(list(map(len, self.tokens)))
        starts = np.cumsum(lengths) - lengths
        return np.frombuffer(b"".join(self.tokens), dtype=np.uint8), starts, lengths

    def children(self, node: TokenRange) -> dict[int, TokenRange]:
        """Return the tokens of a node that are longer than its depth, by their next byte."""
        if node not in self._children:
            first, last, depth = node
            while first < last and len(self.tokens[first]) == depth:
                first += 1
            children: dict[int, TokenRange] = {}
            while first < last:
                byte = self.tokens[first][depth]
                beginning = self.tokens[first][:depth] + bytes([byte + 1]) if byte < 255 else None
                end = last if beginning is None else bisect_left(self.tokens, beginning, first, last)
                children[byte] = TokenRange(first, end, depth + 1)
                first = end
            self._children[node] = children
        return self._children[node]

    def beginning_with(self, spelled: Sequence[int]) -> Iterator[bytes]:
        """Yield the tokens that begin with these bytes, and are longer."""
        node = self.root
        for byte in spelled:
            if (child := self.children(node).get(byte)) is None:
                return
            node = child
        yield from (token for token in self.tokens[node.first : node.last] if len(token) > node.depth)

    def fewest_tokens(self, symbols: Symbols) -> int:
        """Return the fewest tokens that spell the symbols."""
        fewest = [0] * (len(symbols) + 1)
        for start in reversed(range(len(symbols))):
            ends = [start + 1]
            if symbols[start] < 256:
                node = self.root
                for end in range(start + 1, len(symbols) + 1):
                    if (
                        symbols[end - 1] >= 256
                        or (child := self.children(node).get(symbols[end - 1])) is None
                    ):
                        break
                    node = child
                    if len(self.tokens[node.first]) == node.depth:
                        ends.append(end)
            fewest[start] = 1 + min(fewest[end] for end in ends)
        return fewest[0]

    def segment(self, symbols: Symbols) -> list[int]:
        """Return the tokens of the symbols as the tokenizer segments their text; one that ends comes last.

        Bytes at the end that are no complete character are left out. [] for bytes that are no text.
        """
        try:
            text = text_of(symbols)
        except UnicodeDecodeError:
            return []
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
        return ids + list(self.symbol_ids[END][:1] if symbols[-1:] == (END,) else ())
