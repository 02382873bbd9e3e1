"""A fitted calibration: from the features of a box to how likely it is right."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from infer.confidence.box_features import FEATURE_NAMES, Features
from infer.confidence.candidate_features import ALL_FEATURES

SMALLEST, DIGITS = 1e-4, 4
"""As those of the other scores of tokens: above 0, and without the digits that depend on a batch."""


@dataclass(frozen=True)
class Weighing:
    """Logistic regression on standardised features, then, if it has knots, an isotonic step.

    Each tuple has a number for each feature. A feature outside `lows` and `highs`, the range of the boxes
    that it was fitted on, counts as the nearest inside: nothing is known beyond. `knots` are pairs of the
    logistic probability and of what is returned there; between two of them it is interpolated.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    knots: tuple[tuple[float, float], ...] = ()

    def probabilities(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return for each row of features, shape (boxes, features), how likely the box is right."""
        inside = np.clip(features, self.lows, self.highs)
        logits = (inside - self.means) / self.scales @ np.array(self.weights) + self.bias
        sure = 1 / (1 + np.exp(-logits))
        if not self.knots:
            return np.asarray(sure)
        places, values = zip(*self.knots, strict=True)
        return np.asarray(np.interp(sure, places, values))


@dataclass(frozen=True)
class FittedOn:
    """What a calibration was fitted on.

    `dataset` is the fingerprint of the data set's source, `split` the file of its records, `answer_format`
    that of its answers. `images` are hashes of the pixels (`image_contents`). Of `boxes` that the model
    wrote, `right` matched an object at an IoU of 0.5. `keys` are those of the recipe that change answers
    (`answer_keys`), `versions` those of the libraries.
    """

    checkpoint: str
    dataset: str
    split: str
    answer_format: str
    images: tuple[str, ...]
    boxes: int
    right: int
    keys: Mapping[str, Any]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Calibration:
    """The contents of calibration.json; `measured` holds the figures of its cross-validation."""

    weighing: Weighing
    fitted_on: FittedOn
    measured: Mapping[str, float]

    @property
    def names(self) -> tuple[str, ...]:
        """The features that it weighs, in their order."""
        return self.weighing.names

    def scores(self, features: Sequence[Features | None]) -> list[float | None]:
        """Return the score of each box, above 0 and up to 1; None for a box without features."""
        rows = [row for row in features if row is not None]
        if not rows:
            return [None] * len(features)
        found = iter(self.weighing.probabilities(np.array(rows)).tolist())
        return [None if row is None else rounded(next(found)) for row in features]


@dataclass(frozen=True)
class BeingFitted:
    """Stands in place of a calibration while it is fitted: boxes keep their features of these names."""

    names: tuple[str, ...] = FEATURE_NAMES


def fingerprint_calibration(calibration: Calibration) -> str:
    """Return a hash of what makes the scores."""
    return hashlib.sha256(repr(calibration.weighing).encode()).hexdigest()


def rounded(probability: float) -> float:
    """Return a probability as a score: above 0, up to 1, and without digits that depend on the batch."""
    return min(1.0, max(SMALLEST, round(probability, DIGITS)))


def is_current(weighing: Weighing) -> bool:
    """Tell whether the features that a calibration weighs are those that this version makes.

    Those that candidates give are there only where it was fitted on questions that list some.
    """
    return weighing.names in (FEATURE_NAMES, ALL_FEATURES)
