"""Reading an answer takes work linear in its length: a model may repeat itself for a megabyte.

Seconds depend on the machine and on what else runs there, so work is counted here: the characters that the
reader's regular expressions scan. Backtracking inside one expression is not counted; a generous deadline of
processor time ends it: quadratic work on a megabyte takes hours. For seconds, see benchmarks/fuzz_answers.py.
"""

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from grounding.answers.reader import read_answer
from grounding.boxes import Size

SIZE = Size(2000, 1000)
DEADLINE_SECONDS = 120
MEGABYTE = 1_000_000

PIECES = {
    "points": "cat(1,2),(30,40), ",
    "points without commas": "cat(1,2),(30,40) ",
    "half points": "(1,2),(30,",
    "half a point": "(1,",
    "json": '{"bbox_2d": [1, 2, 30, 40], "label": "cat"}, ',
    "keys": '{"bbox_2d":',
    "prose": "I see no box here, my friend. ",
    "brackets": "[",
    "levels": "[ {\n",
    "quotes": '["',
    "single quotes": "['a'b",
    "thoughts": "<think>",
    "box starts": "<|box_start|>",
    "backslashes": "\\",
    "digits": "9",
    "ends of thoughts": "</think>",
    "tags": "<box>",
    "tags with sides": '<box x1="1" ',
    "comments": "[//",
    "long comments": "[/*",
    "strings in strings": '"\\"[{',
    "strings without ends": '{"a": "',
    "quotes in strings": '{"a": "b" c" ',
    "lines": "1, 2, 3, 4 cat\n",
    "one line": "1, 2, 3, ",
    "numbers": "1 ",
    "curly quotes": "[“",
    "named sides": "x1=1 ",
    "names beside lists": "cat: [1,2,3,4] ",
    "four in round brackets": "(1, 2, 3, 4)",
    "names in tags": "<ref>",
    "corners": "[[1, 2], [3, 4]],",
}


class CountingPattern:
    """A compiled regular expression that counts the characters it scans."""

    def __init__(self, pattern: re.Pattern[str], scanned: list[int]) -> None:
        self.pattern, self.scanned = pattern, scanned

    def search(self, text: str, position: int = 0) -> re.Match[str] | None:
        match = self.pattern.search(text, position)
        self.scanned.append((match.end() if match else len(text)) - position)
        return match

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        self.scanned.append(len(text))
        return self.pattern.finditer(text)

    def fullmatch(self, text: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
        end = len(text) if end is None else end
        self.scanned.append(end - start)
        return self.pattern.fullmatch(text, start, end)

    def sub(self, replacement: Any, text: str) -> str:
        self.scanned.append(len(text))
        return self.pattern.sub(replacement, text)

    def split(self, text: str) -> list[str | Any]:
        self.scanned.append(len(text))
        return self.pattern.split(text)


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of characters of every scan, by any regular expression of the modules that read answers."""
    scanned: list[int] = []
    readers = [
        module for name, module in sys.modules.items() if re.match(r"grounding\.(answers|loose)", name)
    ]
    for module in readers:
        for name, value in list(vars(module).items()):
            if isinstance(value, re.Pattern):
                monkeypatch.setattr(module, name, CountingPattern(value, scanned))
    return scanned


@contextmanager
def deadline() -> Iterator[None]:
    """End what hangs, after so much processor time that no machine needs it for linear work."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still reading after {DEADLINE_SECONDS} s of processor time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, DEADLINE_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES.keys())
def test_twice_the_text_is_twice_the_work(piece: str, scanned: list[int]) -> None:
    work = []
    for length in (20_000, 40_000):
        scanned.clear()
        with deadline():
            read_answer(piece * (length // len(piece)), SIZE)
        work.append((len(scanned), sum(scanned)))
    (few_scans, few_characters), (scans, characters) = work
    assert few_characters > 20_000 - len(piece)  # the counters see the work
    assert scans <= 2.1 * few_scans + 10
    assert characters <= 2.1 * few_characters
    assert characters <= 20 * 40_000


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES.keys())
def test_a_megabyte_is_read(piece: str) -> None:
    with deadline():
        reading = read_answer(piece * (MEGABYTE // len(piece)), SIZE)
    assert reading.detections or reading.problems
