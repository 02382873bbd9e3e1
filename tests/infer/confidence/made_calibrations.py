"""Calibrations with weights of the first features."""

import dataclasses

from infer.confidence.box_features import FEATURE_NAMES, Features
from infer.confidence.calibration import Calibration, FittedOn, Weighing

COUNT = len(FEATURE_NAMES)
NONE, ONES = (0.0,) * COUNT, (1.0,) * COUNT
FITTED_ON = FittedOn(
    "hash", "source", "calibration", "objects", ("a",), 60, 30, {"top_p": 1.0}, {"numpy": "1"}
)


def weighing_of(*weights: float, bias: float = 0.0, **changes: object) -> Weighing:
    """Return a weighing of the first features, which reach from -2 to 2."""
    padded = (*weights, *NONE[len(weights) :])
    known = Weighing(FEATURE_NAMES, NONE, ONES, (-2.0,) * COUNT, (2.0,) * COUNT, padded, bias)
    return dataclasses.replace(known, **changes)  # type: ignore[arg-type]


def calibration_of(weighing: Weighing) -> Calibration:
    return Calibration(weighing, FITTED_ON, {"AUROC": 0.9})


def row(*values: float) -> Features:
    return (*values, *NONE[len(values) :])
