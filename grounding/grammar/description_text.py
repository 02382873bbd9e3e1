"""Descriptions in quotes, byte by byte: the inside of a JSON string that the reader reads back."""

from collections.abc import Sequence
from typing import NamedTuple

from grounding.answers.descriptions import ESCAPED
from grounding.grammar.utf8_bytes import is_beginning, representative, sequence_length

SHORT_ESCAPES = '"\\/bfnrt'
"""What can stand behind a backslash, but for `u` and four digits."""

FIRST_DIGITS, OTHER_DIGITS = "0123456789abcABCefEF", "0123456789abcdefABCDEF"
"""The digits behind `u`, without those of surrogates."""

ESCAPE_LENGTH = len("\\u0000")

_BACKSLASH, _QUOTE = 0x5C, 0x22
_FORBIDDEN = frozenset(character.encode() for character in ESCAPED)


class TextState(NamedTuple):
    """Where a description is: whether it holds a character, and the bytes of an unfinished one."""

    has_text: bool = False
    pending: bytes = b""


class DescriptionText:
    """Any description, with its JSON escapes.

    Left out are control characters and those that the writer escapes, as the reader would take them for
    markup (`grounding.answers.descriptions.ESCAPED`).
    """

    start = TextState()

    def step(self, state: TextState, byte: int) -> TextState | None:
        """Return the state after one more byte, None where no description goes on with it."""
        spelled = state.pending + bytes([byte])
        if spelled[0] == _BACKSLASH:
            return self._escape(state.has_text, spelled)
        length = sequence_length(spelled[0])
        if length == 1:
            is_allowed = byte >= 0x20 and byte != _QUOTE and spelled not in _FORBIDDEN
            return TextState(has_text=True) if is_allowed else None
        if length == 0:
            return None
        if len(spelled) < length:
            return TextState(state.has_text, representative(spelled)) if is_beginning(spelled) else None
        try:
            spelled.decode()
        except UnicodeDecodeError:
            return None
        return None if spelled in _FORBIDDEN else TextState(has_text=True)

    def _escape(self, has_text: bool, spelled: bytes) -> TextState | None:
        last = chr(spelled[-1])
        if len(spelled) == 2 and last in SHORT_ESCAPES:
            return TextState(has_text=True)
        allowed = ("\\", "u", FIRST_DIGITS, OTHER_DIGITS, OTHER_DIGITS, OTHER_DIGITS)[len(spelled) - 1]
        if last not in allowed:
            return None
        if len(spelled) == ESCAPE_LENGTH:
            return TextState(has_text=True)
        digits = len(spelled) - 2
        return TextState(has_text, spelled[:2] + b"0" * digits)  # whatever the digits, they go on alike

    def is_whole(self, state: TextState) -> bool:
        """Tell whether a description can end here."""
        return state.has_text and not state.pending

    def choices(self, state: TextState) -> Sequence[int] | None:
        """Return None: there are too many."""
        return None

    def reserve(self, state: TextState) -> int:
        """Return the bytes of the shortest end."""
        pending = state.pending
        if not pending:
            return 0 if state.has_text else 1
        if pending[0] != _BACKSLASH:
            return sequence_length(pending[0]) - len(pending)
        return 1 if len(pending) == 1 else ESCAPE_LENGTH - len(pending)
