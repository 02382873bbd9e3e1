"""Whether boxes that are equal have equal scores, by whatever tells how sure the model is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from grounding.answers.reader import read_answer
from infer.asking.token_scores import token_scores
from infer.confidence.box_features import ALTERNATIVES, FEATURE_NAMES, box_features
from infer.confidence.calibration import Calibration
from infer.engines.protocol import Request, Token
from infer.engines.settings import CALIBRATED
from infer.parity.answer_stages import LOGPROB_TOLERANCE, RESIZED_TOLERANCE, SHARE
from infer.parity.stages import SCORES, Difference, Pair, SideBySide

SCORE_TOLERANCE = 1e-3
"""By which scores and features may differ, unless the weights' type or a resize rounds more."""


@dataclass(frozen=True)
class ScoreGap:
    """By how much a score or a feature of a box differs."""

    name: str
    gap: float
    is_resized: bool


def with_alternatives(request: Request) -> Request:
    """Return the request with the alternatives that features are made of."""
    return replace(request, alternatives=ALTERNATIVES)


def score_difference(compared: SideBySide, calibration: Calibration | None = None) -> Difference | None:
    """Compare scores and features of answers with the same text; None where they are equal.

    With the `calibration` of the checkpoint, scores that it makes are compared, too.
    """
    gaps = score_gaps(compared.pairs, calibration)
    tolerance = LOGPROB_TOLERANCE.get(str(compared.ours.settings.get("dtype")), SCORE_TOLERANCE)
    limits = (max(tolerance, SCORE_TOLERANCE), max(tolerance, RESIZED_TOLERANCE))
    wrong = [each for each in gaps if not each.gap <= limits[each.is_resized]]
    if len(wrong) <= SHARE * len(gaps):
        return None
    worst = max(wrong, key=lambda each: each.gap)
    names = list(dict.fromkeys(each.name for each in wrong))
    return Difference(
        SCORES,
        f"the boxes are equal, and {len(wrong)} of {len(gaps)} scores and features of them differ "
        f"({', '.join(names)}), most {worst.name}, by {worst.gap:.2g}: the engine has to give the "
        "probabilities of the model itself, at temperature 1 and before top_k, top_p and penalties",
    )


def score_gaps(pairs: Sequence[Pair], calibration: Calibration | None = None) -> list[ScoreGap]:
    """Return the gap of each score and feature of each box; for a text without any, that of its tokens."""
    return [
        ScoreGap(name, gap, pair.is_resized)
        for pair in pairs
        if pair.ours.text == pair.theirs.text and pair.ours.written and pair.theirs.written
        for name, gap in _gaps_of(pair, calibration)
    ]


def _gaps_of(pair: Pair, calibration: Calibration | None) -> Iterator[tuple[str, float]]:
    reading = read_answer(pair.ours.text, pair.asked.asked)
    both = pair.ours.written, pair.theirs.written
    if not reading.spans:
        yield "log-probabilities", _largest_gap(*both)
    for score in ("mean_logprob", "min_prob"):
        for own, other in zip(*(token_scores(tokens, reading.spans, score) for tokens in both), strict=True):
            yield score, _gap(own, other)
    if all(any(token.alternatives for token in tokens) for tokens in both):
        found = [box_features(reading, tokens, pair.asked.asked, is_cut=False) for tokens in both]
        for own, other in zip(*found, strict=True):
            missing = (None,) * len(FEATURE_NAMES)
            for name, here, there in zip(FEATURE_NAMES, own or missing, other or missing, strict=True):
                yield name, _gap(here, there)
        if calibration is not None:
            for here, there in zip(*map(calibration.scores, found), strict=True):
                yield CALIBRATED, _gap(here, there)


def _largest_gap(own: Sequence[Token], other: Sequence[Token]) -> float:
    """Return by how much the log-probabilities of tokens differ at most; infinite for other tokens."""
    here, there = ([token for token in tokens if token.text] for tokens in (own, other))
    if [token.text for token in here] != [token.text for token in there]:
        return math.inf
    pairs = zip(here, there, strict=True)
    return max((abs(a.logprob - b.logprob) for a, b in pairs if a.logprob != b.logprob), default=0.0)


def _gap(own: float | None, other: float | None) -> float:
    """Return the difference of two numbers; infinite where one of them is missing."""
    if own is None or other is None:
        return 0.0 if own is other else math.inf
    return abs(own - other)
