"""The symbols that answers are spelled in: bytes of UTF-8, Qwen's grounding tokens, and the end."""

import re

from grounding.markup import GROUNDING_TOKENS

TOKEN_SYMBOLS = {token: 256 + number for number, token in enumerate(GROUNDING_TOKENS)}
"""The symbol of each grounding token; the symbols below are bytes."""

END = 256 + len(GROUNDING_TOKENS)
"""The symbol that ends an answer."""

Symbols = tuple[int, ...]

_TOKEN = re.compile(f"({'|'.join(map(re.escape, GROUNDING_TOKENS))})")
_TOKEN_OF_SYMBOL = {symbol: token for token, symbol in TOKEN_SYMBOLS.items()}


def spell(text: str) -> Symbols:
    """Return the symbols of a text."""
    symbols: list[int] = []
    for piece in _TOKEN.split(text):
        symbols += [TOKEN_SYMBOLS[piece]] if piece in TOKEN_SYMBOLS else piece.encode()
    return tuple(symbols)


def text_of(symbols: Symbols) -> str:
    """Return the text that symbols spell, without its last character if its bytes are not complete.

    Raises:
        UnicodeDecodeError: bytes that are no UTF-8.
    """
    spelled = b"".join(
        _TOKEN_OF_SYMBOL[symbol].encode() if symbol in _TOKEN_OF_SYMBOL else bytes([symbol])
        for symbol in symbols
        if symbol != END
    )
    try:
        return spelled.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            raise
        return spelled[: error.start].decode()
