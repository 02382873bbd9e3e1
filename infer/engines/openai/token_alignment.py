"""Match the tokens that a server lists with the text of its answer."""

import codecs
import re
from collections.abc import Sequence

from infer.engines.protocol import Token

_SPECIAL_TOKEN = re.compile(r"<\|[^|]*\|>|</?[a-z_]+>")


def align_tokens(text: str, pieces: Sequence[tuple[bytes, float]]) -> tuple[Token, ...]:
    """Return the tokens whose bytes together are the text; () where the pieces do not give the text.

    Each piece is the bytes of a token and its log-probability. Servers also list special tokens that they
    leave out of the text: these are skipped. Where one character is spread over several tokens, it belongs
    to the last of them.
    """
    content = text.encode("utf-8", "replace")
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    tokens: list[Token] = []
    position = 0
    for piece, logprob in pieces:
        if piece and content.startswith(piece, position):
            tokens.append(Token(decoder.decode(piece), logprob, bool(decoder.getstate()[0])))
            position += len(piece)
        elif piece and not _SPECIAL_TOKEN.fullmatch(piece.decode("utf-8", "replace")):
            return ()
    return tuple(tokens) if position == len(content) else ()
