"""Which boxes are doubtful, and one order for those that were asked about and those that were not."""

from dataclasses import dataclass

EDGE = 1e-3
"""The scores next to 0 and next to 1 that are kept for boxes that are not asked about."""

DIGITS, SHARE_DIGITS = 7, 4
"""Scores are rounded: further digits depend on the batch in which a question was answered."""


@dataclass(frozen=True)
class DoubtBand:
    """Token scores from `low` to `high` are doubtful, and so is a box without one.

    The score of a box that was asked about is p(yes) / (p(yes) + p(no)), moved by at most EDGE. The tokens of
    all others are sure, so these keep their order outside: token scores above `high` are mapped to the range
    from 1 - EDGE to 1, those below `low` to the range from 0 to EDGE. So every box of which the tokens are
    sure stands above every box that was asked about, and every box that they reject below. With the band from
    0 to 1, all boxes are asked about.
    """

    low: float
    high: float

    def holds(self, token_score: float | None) -> bool:
        """Tell whether a box is doubtful."""
        return token_score is None or self.low <= token_score <= self.high

    def score(self, token_score: float | None, share: float | None) -> float | None:
        """Return the score of a box; `share` is that of yes, None if the question has no answer.

        A doubtful box without an answer keeps its token score.
        """
        if token_score is None or self.holds(token_score):
            if share is None:
                return token_score
            return float(round(EDGE + (1 - 2 * EDGE) * round(share, SHARE_DIGITS), DIGITS))
        if token_score > self.high:
            return round(1 - EDGE * (1 - token_score) / (1 - self.high), DIGITS)
        return float(max(round(EDGE * token_score / self.low, DIGITS), 10**-DIGITS))
