"""What an answer tells about each of its boxes, as numbers that a calibration weighs.

They are made of the text and of its tokens with their alternatives alone, so that any engine which lists
likely tokens gives the same ones. They are rounded: further digits depend on the batch around an answer.
"""

import math
from collections.abc import Sequence

from grounding.answers.asked import Asked, as_asked
from grounding.answers.spellings.loose_json import read_shares
from grounding.answers.spellings.plain_characters import in_plain_characters
from grounding.boxes import Size, iou
from grounding.samples import Detection, Reading, Span
from infer.confidence.coordinate_odds import (
    MOST_ALTERNATIVES,
    CoordinateOdds,
    bounded_logprob,
    coordinate_odds,
)
from infer.confidence.overlap_odds import overlap_odds
from infer.engines.protocol import Token
from infer.engines.token_places import TokenPlaces

FEATURE_NAMES = (
    "label_mean",
    "label_min",
    "label_odds",
    "digits_mean",
    "digits_min",
    "digits_odds",
    "first_digit_entropy",
    "later_digit_entropy",
    "spread",
    "largest_spread",
    "expected_overlap",
    "expected_overlap_resized",
    "good_overlap_near",
    "good_overlap_middle",
    "good_overlap_resized",
    "begin_min",
    "place",
    "place_share",
    "objects",
    "repeats",
    "largest_overlap",
    "size",
    "elongation",
    "is_cut",
)
"""The features of a box, in their order.

label_mean, label_min: mean and smallest log-probability of the label's tokens.
label_odds: logit of the probability of the whole label.
digits_mean, digits_min, digits_odds: the same of the tokens that write the box's numbers.
first_digit_entropy: entropy of each number's first digit among the digits that could stand there, in nats,
    averaged over the numbers: hundreds decide where a box is.
later_digit_entropy: the same of all digits after the first.
spread, largest_spread: standard deviation of what could stand in place of a number, as a share of the box's
    side, averaged over the four numbers, and the largest of them.
expected_overlap, expected_overlap_resized: IoU with the box that would stand there instead, expected over the
    odds of the numbers (`overlap_odds`): another first corner moves the box, or changes its size.
good_overlap_near, good_overlap_middle: logit of the chance that this IoU is at least 0.5, with two guesses
    of the digits that are not known (`coordinate_odds`), where another first corner moves the box.
good_overlap_resized: the same with the middle guess, where another first corner changes the box's size.
begin_min: smallest log-probability of the tokens between the object before and this one: go on, or end?
place, place_share, objects: the logarithm of the box's number in the answer, its share of them, and the
    logarithm of how many there are.
repeats: earlier boxes in the same picture with the same label and an IoU of at least REPEATED.
largest_overlap: largest IoU with any other box of the answer in the same picture, whatever its label.
size, elongation: logarithm of the box's side (root of its area as a share of the image), and of the longer
    side over the shorter one.
is_cut: 1 if the answer was cut at its longest length.
"""

REPEATED = 0.5
ALTERNATIVES = MOST_ALTERNATIVES
"""Alternatives to ask an engine for; fewer of them give slightly other features."""

DIGITS = 4
SOFTENING = 0.02

Features = tuple[float, ...]


def box_features(
    reading: Reading, tokens: Sequence[Token], asked: Size | Asked, *, is_cut: bool
) -> list[Features | None]:
    """Return the features of each detection of an answer about these pictures, as FEATURE_NAMES.

    `reading` was read from the joined text of the tokens. None stands for a detection without a token.
    """
    found, sizes = TokenPlaces(tokens), as_asked(asked).sizes
    text = in_plain_characters("".join(token.text for token in tokens))
    numbers = range(1, len(reading.detections) + 1)
    features: list[Features | None] = []
    before = 0
    for number, spans in zip(numbers, reading.spans, strict=True):
        places = [found.of_span(span) for span in spans]
        if not spans or not all(places):
            features.append(None)
            continue
        values = (
            *_of_label(found, spans[:-1]),
            *_of_box(found, text, spans[-1]),
            _of_begin(tokens, before, min(part.start for part in places)),
            *_of_place(reading.detections, number),
            *_of_shape(own := reading.detections[number - 1], sizes[own.picture]),
            float(is_cut),
        )
        features.append(tuple(round(value, DIGITS) + 0.0 for value in values))
        before = max(part.stop for part in places)
    return features


def _of_label(found: TokenPlaces, spans: Sequence[Span]) -> tuple[float, float, float]:
    chosen = sorted({place for span in spans for place in found.of_span(span)})
    return _of_tokens([found.tokens[place] for place in chosen])


def _of_tokens(tokens: Sequence[Token]) -> tuple[float, float, float]:
    """Return mean and smallest log-probability of tokens, and the logit of all of them together."""
    logprobs = [bounded_logprob(token.logprob) for token in tokens] or [0.0]
    return sum(logprobs) / len(logprobs), min(logprobs), _logit(math.exp(sum(logprobs)))


def _of_box(found: TokenPlaces, text: str, span: Span) -> tuple[float, ...]:
    """Return the features that the numbers of a box give; those of a sure box where they are not four."""
    numbers = [number.span for number in read_shares(text[slice(*span)], span[0])]
    written = [
        [(place, found.part_of(place, number)) for place in found.of_span(number)] for number in numbers
    ]
    digits = [
        found.tokens[place] for place in dict.fromkeys(place for parts in written for place, _ in parts)
    ]
    usual = sorted(end - start for start, end in numbers)[len(numbers) // 2] if numbers else 0
    sides = [
        coordinate_odds(
            text[slice(*number)], [(found.tokens[place], text[slice(*part)]) for place, part in parts], usual
        )
        for number, parts in zip(numbers, written, strict=True)
    ]
    return (*_of_tokens(digits), *_of_entropies(sides), *_of_sides(sides))


def _of_entropies(sides: Sequence[CoordinateOdds]) -> tuple[float, float]:
    first = [side.entropies[0] for side in sides if side.entropies]
    later = [entropy for side in sides for entropy in side.entropies[1:]]
    return _mean(first), _mean(later)


def _of_sides(sides: Sequence[CoordinateOdds]) -> tuple[float, ...]:
    if len(sides) != 4:
        return 0.0, 0.0, 1.0, 1.0, _logit(1.0), _logit(1.0), _logit(1.0)
    corners = [side.near[0] for side in sides]
    if corners[2] <= corners[0] or corners[3] <= corners[1]:  # corner and size, not two corners
        sides = [*sides[:2], *(_moved(side, corners[axis]) for axis, side in enumerate(sides[2:]))]
        corners = [side.near[0] for side in sides]
    lengths = [max(corners[axis + 2] - corners[axis], 1e-9) for axis in (0, 1)]
    spreads = [min(1.0, _deviation(side) / lengths[place % 2]) for place, side in enumerate(sides)]
    near, middle = (overlap_odds(sides, near=near, moves=True) for near in (True, False))
    resized = overlap_odds(sides, near=False, moves=False)
    return (
        _mean(spreads),
        max(spreads),
        middle.expected,
        resized.expected,
        *(_logit(odds.good) for odds in (near, middle, resized)),
    )


def _moved(side: CoordinateOdds, by: float) -> CoordinateOdds:
    near, middle = (tuple(value + by for value in values) for values in (side.near, side.middle))
    return CoordinateOdds(near, middle, side.chances, side.entropies)


def _deviation(side: CoordinateOdds) -> float:
    """Return the standard deviation of a number around the written one, over its odds."""
    pairs = zip(side.middle, side.chances, strict=True)
    return math.sqrt(sum(chance * (value - side.middle[0]) ** 2 for value, chance in pairs))


def _of_begin(tokens: Sequence[Token], before: int, start: int) -> float:
    """Return the smallest log-probability of the tokens from the object before to this one."""
    return min((bounded_logprob(token.logprob) for token in tokens[before:start]), default=0.0)


def _of_place(detections: Sequence[Detection], number: int) -> tuple[float, ...]:
    own = detections[number - 1]
    overlaps = [iou(own.box, other.box) if other.picture == own.picture else 0.0 for other in detections]
    repeats = sum(
        overlap >= REPEATED and other.label == own.label
        for overlap, other in zip(overlaps[: number - 1], detections, strict=False)
    )
    others = [overlap for place, overlap in enumerate(overlaps) if place != number - 1]
    return (
        math.log(number),
        number / len(detections),
        math.log(len(detections)),
        float(repeats),
        max(others, default=0.0),
    )


def _of_shape(detection: Detection, size: Size) -> tuple[float, float]:
    box = detection.box
    width, height = (box.x2 - box.x1) / size.width, (box.y2 - box.y1) / size.height
    return math.log(math.sqrt(width * height)), math.log(max(width, height) / min(width, height))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _logit(share: float) -> float:
    """Return the logit of a probability, softened: without SOFTENING, float32's last digit would show."""
    return math.log((share + SOFTENING) / (1 - share + SOFTENING))
