"""Where the tokens of an answer stand in its text."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from grounding.markup import BOX_END, BOX_START
from grounding.samples import Span
from infer.engines.protocol import Token

_BOX_MARKS = {
    start.encode(): end.encode()
    for start, end in ((BOX_START, BOX_END), ("<box>", "</box>"), ("<|det|>", "<|/det|>"))
}
"""The special tokens that are written directly before and behind a box."""


class TokenPlaces:
    """Finds the tokens of an answer that a part of its text is written with."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        """Take the tokens; `ends` are the ends of their texts in the joined text."""
        self.tokens = tokens
        self.ends = list(accumulate(len(token.text) for token in tokens))

    def of_span(self, span: Span) -> range:
        """Return the places of the tokens that share a character with a span of the joined text.

        A token that ends within the span's first character counts, and one without text. Of those that the
        answer does not show, the marks around a box count: where they are shown, they are in its span.
        """
        start, end = span
        first = bisect_right(self.ends, start)
        while first > 0 and self._is_part_of_next(first - 1, start):
            first -= 1
        stop = min(bisect_left(self.ends, end) + 1, len(self.tokens))
        if self.ends[stop - 1 : stop] == [end] and stop < len(self.tokens):
            token = self.tokens[stop]
            stop += token.is_left_out and token.content in _BOX_MARKS.values()
        return range(first, stop)

    def _is_part_of_next(self, place: int, start: int) -> bool:
        """Tell whether a token that ends at a character, or before, is a part of it."""
        token = self.tokens[place]
        if token.is_left_out:
            return token.content in _BOX_MARKS and self.ends[place] == start
        if not token.text:
            return True
        return token.is_unfinished and self.ends[place] == start

    def part_of(self, place: int, span: Span) -> Span:
        """Return the part of a span of the joined text that a token writes."""
        start = self.ends[place] - len(self.tokens[place].text)
        return max(start, span[0]), min(self.ends[place], span[1])
