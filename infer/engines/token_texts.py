"""The text of each token of an answer, for byte-level tokenizers."""

import codecs
from collections.abc import Sequence
from functools import cache
from typing import Any


class GrowingText:
    """The text of an answer, token by token; joined, the pieces are the decoded text with special tokens."""

    def __init__(self, tokenizer: Any) -> None:
        """Begin an answer."""
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token_id: int) -> str:
        """Return the text of the next token, up to the last complete character."""
        (token,) = self._tokenizer.convert_ids_to_tokens([token_id])
        return self._decoder.decode(bytes_of_token(token))

    def finish(self) -> str:
        """Return what is left of a last character that is incomplete."""
        return self._decoder.decode(b"", final=True)


def split_text(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Return one text per token; joined, they are the decoded text with its special tokens.

    A character may take several tokens. It belongs to the last of them, which completes it.
    """
    growing = GrowingText(tokenizer)
    texts = [growing.add(token_id) for token_id in ids]
    if texts:
        texts[-1] += growing.finish()
    return texts


def end_within_characters(tokenizer: Any, ids: Sequence[int]) -> list[bool]:
    """Tell for each token whether it ends within a character, which a later token completes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    within = []
    for content in split_bytes(tokenizer, ids):
        decoder.decode(content)
        within.append(bool(decoder.getstate()[0]))
    return within


def split_bytes(tokenizer: Any, ids: Sequence[int]) -> list[bytes]:
    """Return the bytes that each token stands for: a character's may be spread over several tokens."""
    return [bytes_of_token(token) for token in tokenizer.convert_ids_to_tokens(list(ids))]


def bytes_of_token(token: str) -> bytes:
    """Return the bytes that a token stands for; an added token is spelled literally."""
    known = _byte_of_character()
    try:
        return bytes([known[character] for character in token])
    except KeyError:
        return token.encode()


@cache
def _byte_of_character() -> dict[str, int]:
    """Return the byte that each character of a token stands for.

    Printable bytes of Latin-1 are spelled as themselves, the others as the characters 256, 257 and so on.
    Source: bytes_to_unicode in GPT-2's encoder.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + place): byte for place, byte in enumerate(others)
    }
