"""Scores of boxes, from the probabilities of the tokens that they are written with."""

import math
from collections.abc import Sequence

from grounding.samples import Span
from infer.engines.protocol import Token
from infer.engines.token_places import TokenPlaces

SMALLEST, DIGITS = 1e-4, 4
"""Scores are above 0 and rounded: further digits depend on the batch in which an image was answered."""


def token_scores(tokens: Sequence[Token], spans: Sequence[Sequence[Span]], score: str) -> list[float | None]:
    """Return a score in (0, 1] for each detection.

    `spans` are the spans of each detection's label and box in the joined text of the tokens. A token counts
    if it shares a character with a span; without such a token the score is None. "mean_logprob" as `score` is
    the geometric mean of the tokens' probabilities, "min_prob" the smallest of them.
    """
    found = TokenPlaces(tokens)
    scores: list[float | None] = []
    for parts in spans:
        chosen = {place for part in parts for place in found.of_span(part)}
        logprobs = [tokens[place].logprob for place in sorted(chosen)]
        scores.append(_score(logprobs, score) if logprobs else None)
    return scores


def _score(logprobs: Sequence[float], score: str) -> float:
    logprob = min(logprobs) if score == "min_prob" else sum(logprobs) / len(logprobs)
    return min(1.0, max(SMALLEST, round(math.exp(min(logprob, 0.0)), DIGITS)))
