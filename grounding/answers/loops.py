"""Loops in a text that grows: the same piece again and again at its end."""

from dataclasses import dataclass, field

LOOP_TIMES, LOOP_CHARACTERS = 4, 120
"""A piece that stands so many times in a row, on so many characters together, is a loop.

No label and no layout of an honest answer is as long and as regular. A dash or a blank needs 120 of them.
"""

LENGTHS = (64, 128, 256, 512, 1024)
"""Characters. Loops of pieces up to the last length are found; each length finds those up to itself."""

_KEPT = LOOP_TIMES * LENGTHS[-1]


@dataclass
class LoopWatch:
    """Watches the end of a text for loops.

    Each length is tried when the text has grown by half of it, so that the work is linear in the text.
    `work` counts the characters that were looked at.
    """

    tail: str = ""
    read: int = 0
    due: list[int] = field(default_factory=lambda: [length // 2 for length in LENGTHS])
    next_due: int = 0
    work: int = 0

    def add(self, piece: str) -> int | None:
        """Take the next piece of the text; return the length of the piece that is repeated, None if none is.

        The pieces given are short: a loop that begins and ends within one is not seen.
        """
        self.tail += piece
        self.read += len(piece)
        if self.read < self.next_due:
            return None
        for place, length in enumerate(LENGTHS):
            if self.read >= self.due[place]:
                self.due[place] = self.read + length // 2
                if (period := self._period(length)) is not None:
                    return period
        self.next_due = min(self.due)
        if len(self.tail) > 2 * _KEPT:
            self.tail = self.tail[-_KEPT:]
        return None

    def _period(self, length: int) -> int | None:
        """Return the period of the end of the text, if it is no longer than `length`.

        The last `length` characters are looked for in those before. Where the end repeats a piece of at most
        this length, the nearest place at which they stand again is one piece away: two periods of a text
        that is as long as both have a common divisor that is a period, too (Fine and Wilf, 1965).
        """
        end = len(self.tail)
        if end < 2 * length:
            return None
        self.work += 2 * length
        found = self.tail.rfind(self.tail[-length:], end - 2 * length, end - 1)
        if found < 0:
            return None
        period = end - length - found
        run = max(LOOP_TIMES * period, LOOP_CHARACTERS)
        self.work += run
        is_loop = run <= end and self.tail[end - run : end - period] == self.tail[end - run + period :]
        return period if is_loop else None


def loop_start(text: str, period: int) -> int:
    """Return where the loop at the end of a text begins, whose piece has this length."""
    start = len(text) - period
    while start > 0 and text[start - 1] == text[start - 1 + period]:
        start -= 1
    return start
