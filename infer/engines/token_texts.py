"""The text of each token of an answer, for byte-level tokenizers."""

import codecs
from collections.abc import Sequence
from functools import cache
from typing import Any


def split_text(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Return one text per token; joined, they are the decoded text with its special tokens.

    A character may take several tokens. It belongs to the last of them, which completes it.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [decoder.decode(bytes_of_token(token)) for token in tokenizer.convert_ids_to_tokens(list(ids))]
    if texts:
        texts[-1] += decoder.decode(b"", final=True)
    return texts


def end_within_characters(tokenizer: Any, ids: Sequence[int]) -> list[bool]:
    """Tell for each token whether it ends within a character, which a later token completes."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    within = []
    for token in tokenizer.convert_ids_to_tokens(list(ids)):
        decoder.decode(bytes_of_token(token))
        within.append(bool(decoder.getstate()[0]))
    return within


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
