"""A calibration fitted to judged boxes: logistic regression, and an isotonic step where it helps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from grounding.errors import UserError
from infer.confidence.box_features import FEATURE_NAMES
from infer.confidence.calibration import Weighing
from infer.confidence.candidate_features import ALL_FEATURES

FOLDS = 5
FEWEST_BOXES, FEWEST_OF_A_KIND = 50, 10
"""Fewer boxes, or fewer right or wrong ones, would fit 24 weights to chance."""

FEWEST_TO_BEND = 300
"""With fewer boxes, an isotonic step follows single boxes."""

INVERSE_PENALTY = 0.3
"""scikit-learn's C of the L2 penalty: with few boxes, the weights stay small."""

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fit:
    """A fitted weighing, and what it gives for boxes of images that it was not fitted on (`held_out`)."""

    weighing: Weighing
    held_out: FloatArray


def fit_weighing(features: FloatArray, right: BoolArray, groups: IntArray) -> Fit:
    """Fit the weighing to judged boxes, shape (boxes, features), and cross-validate it image by image.

    `groups` has the number of each box's image. The isotonic step is kept if there are FEWEST_TO_BEND boxes,
    and it lowers the squared error of held-out ones by more than twice the standard error of the difference.

    Raises:
        UserError: too few boxes, or too few of them are right or wrong.
    """
    check_enough(right, groups)
    bends = len(right) >= FEWEST_TO_BEND
    logistic, isotonic = np.zeros(len(right)), np.zeros(len(right))
    for train, test in _folds(right, groups):
        weighing = fit_logistic(features[train], right[train])
        logistic[test] = weighing.probabilities(features[test])
        if bends:
            bent = _with_isotonic(weighing, features[train], right[train], groups[train])
            isotonic[test] = bent.probabilities(features[test])
    weighing = fit_logistic(features, right)
    if bends and _helps(isotonic, logistic, right, groups):
        return Fit(_with_isotonic(weighing, features, right, groups), isotonic)
    return Fit(weighing, logistic)


def check_enough(right: BoolArray, groups: IntArray) -> None:
    """Refuse what no calibration can be fitted to.

    Raises:
        UserError: too few boxes, or too few of them, or of their images, are right or wrong.
    """
    found = int(right.sum()), int((~right).sum())
    images = [len(set(groups[kind].tolist())) for kind in (right, ~right)]
    if len(right) < FEWEST_BOXES or min(found) < FEWEST_OF_A_KIND or min(images) < FOLDS:
        raise UserError(
            f"{len(right)} boxes to fit, of which {found[0]} are right (in {images[0]} images) and "
            f"{found[1]} wrong (in {images[1]}): at least {FEWEST_BOXES} boxes are needed, and of both kinds "
            f"{FEWEST_OF_A_KIND} boxes in {FOLDS} images: take more images (limit, calibration.share)"
        )


def fit_logistic(features: FloatArray, right: BoolArray) -> Weighing:
    """Fit logistic regression to standardised features; a feature that never changes gets no weight."""
    from sklearn.linear_model import LogisticRegression

    means, scales = features.mean(axis=0), features.std(axis=0)
    scales = np.where(scales > 1e-9, scales, 1.0)
    model: Any = LogisticRegression(C=INVERSE_PENALTY, solver="newton-cholesky")
    model.fit((features - means) / scales, right)
    return Weighing(
        FEATURE_NAMES if features.shape[1] == len(FEATURE_NAMES) else ALL_FEATURES,
        means=_numbers(means),
        scales=_numbers(scales),
        lows=_numbers(features.min(axis=0)),
        highs=_numbers(features.max(axis=0)),
        weights=_numbers(model.coef_[0]),
        bias=float(model.intercept_[0]),
    )


def _numbers(values: FloatArray) -> tuple[float, ...]:
    return tuple(map(float, values))


def _with_isotonic(weighing: Weighing, features: FloatArray, right: BoolArray, groups: IntArray) -> Weighing:
    """Add an isotonic step, fitted to what the logistic one gives for boxes of held-out images.

    The share of right boxes in a flat part counts one right and one wrong box more than there are (Laplace's
    rule of succession): a few boxes that are all right do not make the next one certain.
    """
    from sklearn.isotonic import IsotonicRegression

    held_out = np.zeros(len(right))
    for train, test in _folds(right, groups):
        held_out[test] = fit_logistic(features[train], right[train]).probabilities(features[test])
    flat: Any = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(held_out, right)
    shares, parts, sizes = np.unique(flat, return_inverse=True, return_counts=True)
    values = np.maximum.accumulate((shares * sizes + 1) / (sizes + 2))
    ends = [(held_out[parts == part].min(), held_out[parts == part].max()) for part in range(len(shares))]
    knots = {(float(place), float(value)) for pair, value in zip(ends, values, strict=True) for place in pair}
    return replace(weighing, knots=tuple(sorted(knots)))


def _folds(right: BoolArray, groups: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the places of the boxes to fit and to hold out; the boxes of an image stay together.

    Raises:
        UserError: a fold leaves only right or only wrong boxes to fit.
    """
    folds = np.unique(groups, return_inverse=True)[1] % FOLDS  # prepare has shuffled the images
    for fold in range(FOLDS):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if right[train].all() or not right[train].any():
            raise UserError(
                f"{len(right)} boxes to fit: without a fifth of the images, all of them are right or all are "
                "wrong: take more images (limit, calibration.share)"
            )
        yield train, test


def _helps(changed: FloatArray, before: FloatArray, right: BoolArray, groups: IntArray) -> bool:
    """Tell whether probabilities have a squared error that is lower beyond chance, image by image."""
    gains = (before - right) ** 2 - (changed - right) ** 2
    by_image = np.bincount(groups, weights=gains)[np.unique(groups)]
    error = by_image.std(ddof=1) * np.sqrt(len(by_image))
    return bool(by_image.sum() > 2 * error)
