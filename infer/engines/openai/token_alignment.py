"""Match the tokens that a server lists with the text of its answer."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from infer.engines.protocol import Token

_SPECIAL_TOKEN = re.compile(r"<\|[^|]*\|>|</?[a-z_]+>")
_BYTE_TOKEN = re.compile(rb"<0x([0-9A-Fa-f]{2})>")
_UNKNOWN = "\ufffd"
"""What stands for the bytes of a token that are no whole character, where a server lists texts only."""

_MOST_CHARACTERS = 8
"""The most characters that one token with unknown bytes stands for."""


@dataclass(frozen=True)
class ListedToken:
    """A token as a server lists it: its bytes, or its text as bytes, and its probabilities."""

    content: bytes
    logprob: float
    alternatives: tuple[tuple[str, float], ...] = ()


def align_tokens(text: str, pieces: Sequence[ListedToken]) -> tuple[Token, ...]:
    """Return the tokens that together are the text; () where the pieces do not give the text.

    Servers also list special tokens that they leave out of the text: these get no text, and are dropped at
    the end, where they end the answer. Where one character is spread over several tokens, it belongs to the
    last of them. A server may list the others by their bytes, as byte tokens such as <0xE7>, as U+FFFD, or
    without text. An answer that is cut within a character may end before it, or with U+FFFD.
    """
    alignment = _Alignment(text)
    return alignment.finish() if all(alignment.add(piece) for piece in pieces) else ()


class _Alignment:
    """The tokens up to a place in the text, of which the last `hidden` ones have unknown bytes."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.hidden = text, 0, 0
        self.tokens: list[Token] = []
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, piece: ListedToken) -> bool:
        """Add a piece, or skip it; tell whether it can be a part of the text."""
        if not piece.content:
            if self.text[self.place : self.place + 1].isascii():  # the end of the text, too
                return True
            self._append(piece, "", is_unfinished=True)
            return True
        if self._add_shown(piece, piece.content):
            return True
        if byte := _BYTE_TOKEN.fullmatch(piece.content):
            return self._add_shown(piece, bytes([int(byte[1], 16)]))
        listed = piece.content.decode("utf-8", "replace")
        if _SPECIAL_TOKEN.fullmatch(listed):
            self._append(piece, "", is_unfinished=False, content=piece.content)
            return True
        return self._add_hidden(piece, listed)

    def _add_shown(self, piece: ListedToken, content: bytes) -> bool:
        """Add a piece whose characters come next in the text, where tokens with unknown bytes end."""
        state = self.decoder.getstate()
        shown = self.decoder.decode(content)
        if (start := self._find(shown)) < 0:
            self.decoder.setstate(state)
            return False
        if start > self.place:
            self._complete(self.text[self.place : start])
        if shown:
            self.hidden = 0
        self.place = start + len(shown)
        self._append(piece, shown, is_unfinished=bool(self.decoder.getstate()[0]), content=content)
        return True

    def _find(self, shown: str) -> int:
        """Return where the characters come next, -1 where they do not."""
        if not self.hidden or not shown:
            return self.place if self.text.startswith(shown, self.place) else -1
        end = self.place + _MOST_CHARACTERS * self.hidden + len(shown)
        start = self.text.find(shown, self.place + 1, end)
        between = self.text[self.place : max(start, self.place)]
        return start if all(not character.isascii() for character in between) else -1

    def _add_hidden(self, piece: ListedToken, listed: str) -> bool:
        """Add a piece that ends with characters which the server could not list."""
        shown, mark, _ = listed.partition(_UNKNOWN)
        if not mark or self._find(shown) < 0 or self.decoder.getstate()[0]:
            return False
        self._add_shown(piece, shown.encode())
        self.tokens[-1] = replace(self.tokens[-1], is_unfinished=True)
        self.hidden += 1
        return True

    def _append(
        self, piece: ListedToken, text: str, *, is_unfinished: bool, content: bytes | None = None
    ) -> None:
        self.tokens.append(Token(text, piece.logprob, is_unfinished, piece.alternatives, content))

    def _complete(self, characters: str, *, is_cut: bool = False) -> None:
        """Give characters to the last token that is a part of them."""
        place = max(place for place, token in enumerate(self.tokens) if token.is_unfinished)
        token = self.tokens[place]
        self.tokens[place] = replace(token, text=token.text + characters, is_unfinished=is_cut)

    def finish(self) -> tuple[Token, ...]:
        """Return the tokens, () where there is more text than they have."""
        while self.tokens and self.tokens[-1].is_left_out:
            del self.tokens[-1]
        rest = self.text[self.place :]
        if self.hidden and rest and not any(character.isascii() for character in rest):
            cut = rest if len(rest) <= _MOST_CHARACTERS * self.hidden else ""
        else:
            cut = self.decoder.decode(b"", final=True)
        if rest and rest == cut:
            self._complete(rest, is_cut=True)
        return tuple(self.tokens) if rest in ("", cut) else ()
