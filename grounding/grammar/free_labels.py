"""Labels that are free: any that the reader reads back, byte by byte."""

import string
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from grounding.answers.spellings.plain_characters import in_plain_characters
from grounding.grammar.utf8_bytes import is_beginning, representative, sequence_length

_NUMBERS = frozenset(string.digits + "+-.eE% ")
_AFTER_ANGLE = frozenset(string.punctuation + " ") - frozenset("/_|")
"""What can follow `<` and makes no tag of it."""

_QUOTES = frozenset("\"'“”")
_BOX_KEYS = ("bbox", "box", "boun", "bndb", "coor")
_KEY_STARTS = frozenset(key[:end] for key in _BOX_KEYS for end in range(len(key)))


class CharacterState(NamedTuple):
    """Where a free label is between two characters.

    `last` is "start", "space" or "text"; `run` is the beginning of something that a label must not hold.
    """

    last: str = "start"
    run: str = ""


class FreeLabel:
    r"""Any label in one line that the reader reads back, with its JSON escapes or without.

    Left out are labels that begin or end with a blank, control characters, and what the reader would not
    take for a part of a name: the beginning of a tag (`<` before a letter), `|>`, the mark of a thought;
    in JSON a full-width backslash, and `\'`; elsewhere a bracket with numbers and a comma, a brace before
    a quote, and the quoted name of a box's key.
    """

    def __init__(self, *, is_json: bool) -> None:
        """Take the rules of JSON strings, or those of names in tokens."""
        self.is_json = is_json
        self.start: tuple[CharacterState, bytes] = (CharacterState(), b"")
        self._steps: dict[tuple[Hashable, int], tuple[CharacterState, bytes] | None] = {}

    def step(self, state: tuple[CharacterState, bytes], byte: int) -> tuple[CharacterState, bytes] | None:
        """Return the state after one more byte; a state is that of its characters, and an unfinished one."""
        key = (state, byte)
        if key not in self._steps:
            self._steps[key] = self._after_byte(*state, byte)
        return self._steps[key]

    def is_whole(self, state: tuple[CharacterState, bytes]) -> bool:
        """Tell whether a label can end here."""
        return state[0].last == "text" and not state[1]

    def choices(self, state: tuple[CharacterState, bytes]) -> Sequence[int] | None:
        """Return None: there are too many."""
        return None

    def reserve(self, state: tuple[CharacterState, bytes]) -> int:
        """Return the bytes of the shortest end."""
        between, pending = state
        if pending:
            return 1 if pending == b"\\" else sequence_length(pending[0]) - len(pending)
        return 0 if between.last == "text" else 1

    def after(self, state: CharacterState, character: str) -> CharacterState | None:
        """Return the state after one more character, None where no label goes on with it."""
        plain = in_plain_characters(character).lower()
        if character < " " or character == "\x7f" or (character.isspace() and state.last == "start"):
            return None
        if (run := self._run(state.run, character, plain)) is None:
            return None
        return CharacterState("space" if character.isspace() else "text", run)

    def _run(self, run: str, character: str, plain: str) -> str | None:
        """Return the beginning of something forbidden after this character, None where it is complete."""
        if run == "<" and character not in _AFTER_ANGLE:
            return None
        if run + plain in ("|>", "◁/"):
            return None
        if plain in ("<", "|", "◁"):
            return plain
        return self._run_in_json(run, character) if self.is_json else self._run_in_tokens(run, plain)

    def _run_in_json(self, run: str, character: str) -> str | None:
        if character == "＼" or (run == "\\" and character == "'"):
            return None
        return "\\" if character == "\\" else ""

    def _run_in_tokens(self, run: str, plain: str) -> str | None:
        if run == "(" and (plain == "," or plain.isspace() or plain in _NUMBERS):
            return None if plain == "," else run
        if run == "{" and (plain in _QUOTES or plain.isspace() or plain == "\\"):
            return None if plain in _QUOTES else run
        if run.startswith('"') and run[1:] + plain in _KEY_STARTS | set(_BOX_KEYS):
            return None if run[1:] + plain in _BOX_KEYS else run + plain
        if plain in _QUOTES:
            return '"'
        return {"(": "(", "[": "(", "{": "{"}.get(plain, "")

    def _after_byte(
        self, between: CharacterState, pending: bytes, byte: int
    ) -> tuple[CharacterState, bytes] | None:
        if pending == b"\\":
            after = self.after(between, chr(byte)) if byte in b'"\\' else None
            return None if after is None else (after, b"")
        if not pending and byte < 0x80:
            if self.is_json and byte in b'"\\':
                return (between, b"\\") if byte == 0x5C else None
            after = self.after(between, chr(byte))
            return None if after is None else (after, b"")
        spelled = pending + bytes([byte])
        if not pending and (sequence_length(byte) < 2 or between.run == "<"):
            return None
        if len(spelled) < sequence_length(spelled[0]):
            return (between, representative(spelled)) if is_beginning(spelled) else None
        try:
            after = self.after(between, spelled.decode())
        except UnicodeDecodeError:
            return None
        return None if after is None else (after, b"")
