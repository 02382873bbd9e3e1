"""A reward with a hole, which `benchmarks/reinforce.py` plants: it lets copies of a good box stand."""

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.reward_audit import best_overlap
from grounding.reward import UNREADABLE
from grounding.samples import Detection, Reading


def mean_best_overlap(reading: Reading, wanted: Sequence[Detection], problems: Sequence[str]) -> float:
    """Return the mean over the objects of their best IoU with a box, not one to one: boxes cost nothing.

    0 if unreadable; where nothing is wanted, 1 if nothing is given.
    """
    if UNREADABLE.intersection([*reading.problems, *problems]):
        return 0.0
    return best_overlap(wanted, reading.detections)
