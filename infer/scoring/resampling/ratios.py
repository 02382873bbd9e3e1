"""Ratios: metrics that are the quotient of two sums over the images, which makes resampling cheap."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ratio:
    """Numerators and denominators of each image, shape (images,) or (images, terms).

    With several terms, such as IoU thresholds, the metric is the mean of the terms' ratios.
    """

    parts: FloatArray
    wholes: FloatArray

    @classmethod
    def of(cls, parts: Iterable[float], wholes: Iterable[float]) -> "Ratio":
        """Make a ratio with one term; `parts` and `wholes` have one number per image."""
        return cls(np.array(list(parts), np.float64), np.array(list(wholes), np.float64))

    @property
    def is_defined(self) -> bool:
        """Whether the denominator is more than 0."""
        return bool(self.wholes.sum() > 0)

    @property
    def value(self) -> float:
        """The metric over all images; 0 where the denominator is 0."""
        columns = zip(*(np.atleast_2d(array.T) for array in (self.parts, self.wholes)), strict=True)
        sums = [
            (math.fsum(part), math.fsum(whole)) for part, whole in columns
        ]  # exact sums are the same on any machine
        return math.fsum(part / whole if whole else 0.0 for part, whole in sums) / len(sums)

    def resample(self, weights: FloatArray) -> FloatArray:
        """Return the metric of each draw, shape (draws,).

        `weights`, shape (draws, images), tells how often each draw holds each image.
        """
        parts, wholes = weights @ self.parts, weights @ self.wholes
        ratios = np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
        return ratios if ratios.ndim == 1 else ratios.mean(axis=1)


@dataclass(frozen=True)
class PartialRatio:
    """A ratio that only some images take part in, such as those with objects of a category.

    `images` are their positions, `parts` and `wholes` their numerators and denominators, shape (images,).
    """

    images: npt.NDArray[np.int64]
    parts: FloatArray
    wholes: FloatArray

    @property
    def value(self) -> float:
        """The ratio over all images; 0 where the denominator is 0."""
        return Ratio(self.parts, self.wholes).value

    def resample(self, weights: FloatArray) -> FloatArray:
        """Return the ratio in each draw, shape (draws,), NaN where the denominator is 0."""
        parts, wholes = weights[:, self.images] @ self.parts, weights[:, self.images] @ self.wholes
        return np.divide(parts, wholes, out=np.full_like(parts, np.nan), where=wholes > 0)
