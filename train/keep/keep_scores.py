"""Which scores of an old data set are curves."""

from collections.abc import Mapping

from grounding.keep.keep_record import CURVES

READABLE, UNREADABLE = "readable", "unreadable"


def dataset_scores(values: Mapping[str, float | str | None]) -> dict[str, float]:
    """Return the values of the curves; what the data set does not define is left out."""
    found = {
        name: float(value)
        for key, name in CURVES.items()
        if isinstance(value := values.get(key), int | float)
    }
    readable = values.get(READABLE)
    return found | ({UNREADABLE: 1 - readable} if isinstance(readable, int | float) else {})
