"""Where the tokens of an answer stand in its text."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from grounding.samples import Span
from infer.engines.protocol import Token


class TokenPlaces:
    """Finds the tokens of an answer that a part of its text is written with."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        """Take the tokens; `ends` are the ends of their texts in the joined text."""
        self.tokens = tokens
        self.ends = list(accumulate(len(token.text) for token in tokens))

    def of_span(self, span: Span) -> range:
        """Return the places of the tokens that share a character with a span of the joined text.

        A token that ends within the span's first character counts; one without text always does.
        """
        start, end = span
        first = bisect_right(self.ends, start)
        while first > 0 and (
            not self.tokens[first - 1].text
            or (self.tokens[first - 1].is_unfinished and self.ends[first - 1] == start)
        ):
            first -= 1
        return range(first, min(bisect_left(self.ends, end) + 1, len(self.tokens)))

    def part_of(self, place: int, span: Span) -> Span:
        """Return the part of a span of the joined text that a token writes."""
        start = self.ends[place] - len(self.tokens[place].text)
        return max(start, span[0]), min(self.ends[place], span[1])
