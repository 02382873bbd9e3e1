"""Which scores of an old data set are curves."""

from collections.abc import Mapping

CURVES = {
    "AP50": "AP50",
    "f1_50": "F1_50",
    "cider": "CIDEr",
    "cider_zh": "CIDEr_zh",
    "words_exact": "words_exact",
}
"""The name of a curve by the key of the score: those of boxes, then those of words about regions."""

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
