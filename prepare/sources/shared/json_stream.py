"""Large JSON files read item by item, in the memory of one item."""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from grounding.errors import UserError

CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")


def stream_lists(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (key, item) for every item of every list in a file that holds one JSON object.

    A key whose value is no list comes once, with that value.

    Raises:
        UserError: no such file, or not a JSON object.
    """
    try:
        with path.open("rb") as file:
            yield from _Reader(file).pairs()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not readable as JSON: {error}") from error


class _Reader:
    """A window on the text: what was read and not used yet."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self.scan = json.JSONDecoder().raw_decode
        self.text = ""
        self.position = 0
        self.is_all = False

    def pairs(self) -> Iterator[tuple[str, Any]]:
        self.expect("{")
        while True:
            if self.peek() == "}":
                break
            key = str(self.value())
            self.expect(":")
            if self.peek() == "[":
                self.position += 1
                while self.peek() != "]":
                    yield key, self.value()
                    if self.peek() == ",":
                        self.position += 1
                self.position += 1
            else:
                yield key, self.value()
            if self.peek() == ",":
                self.position += 1
            elif self.peek() != "}":
                raise ValueError(f"',' or '}}' expected after \"{key}\"")
        self.position += 1
        if self.peek():
            raise ValueError("text after the end of the object")

    def expect(self, mark: str) -> None:
        if self.peek() != mark:
            raise ValueError(f"'{mark}' expected, '{self.peek() or 'the end'}' found")
        self.position += 1

    def peek(self) -> str:
        """Return the next character that is no space, "" at the end."""
        while True:
            match = _SPACE.match(self.text, self.position)
            self.position = match.end() if match else self.position
            if self.position < len(self.text) or not self.more():
                return self.text[self.position : self.position + 1]

    def value(self) -> Any:
        """Return the next value. One at the very end of the window may be cut, a number for instance."""
        self.peek()
        while True:
            try:
                value, end = self.scan(self.text, self.position)
            except json.JSONDecodeError:
                if not self.more():
                    raise
                continue
            if end < len(self.text) or self.is_all:
                self.position = end
                return value
            self.more()

    def more(self) -> bool:
        """Read on, and tell whether there was something."""
        if self.is_all:
            return False
        block = self.file.read(CHUNK)
        self.is_all = not block
        self.text = self.text[self.position :] + self.decode(block, final=self.is_all)
        self.position = 0
        return not self.is_all
