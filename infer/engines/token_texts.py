"""The text of each token of an answer, for tokenizers of bytes."""

import codecs
from collections.abc import Sequence
from functools import cache
from typing import Any


def split_text(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """Return a text a token, which together are the decoded text, special tokens included.

    A character can be spread over several tokens: it belongs to the last of them, where it is complete.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [decoder.decode(_bytes_of(token)) for token in tokenizer.convert_ids_to_tokens(list(ids))]
    if texts:
        texts[-1] += decoder.decode(b"", final=True)
    return texts


def _bytes_of(token: str) -> bytes:
    """Undo the spelling of bytes as printable characters; an added token is spelled as it is."""
    known = _byte_of_character()
    if all(character in known for character in token):
        return bytes(known[character] for character in token)
    return token.encode()


@cache
def _byte_of_character() -> dict[str, int]:
    """Printable bytes of Latin-1 stand for themselves, the others for 256, 257 and so on.

    Source: bytes_to_unicode in the encoder of GPT-2.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + place): byte for place, byte in enumerate(others)
    }
