"""The split that the name of a file or folder tells: by whole words, as "retrieval" is no validation."""

import re

TRAIN_WORDS = frozenset({"train", "training"})
VAL_WORDS = frozenset({"val", "valid", "validation", "eval", "evaluation"})
TEST_WORDS = frozenset({"test", "testing"})

_NOT_LETTERS = re.compile(r"[^a-z]+")


def split_of(text: str) -> str | None:
    """Return the split that a whole word of a path or a text names: train, val or test; None if none does."""
    words = set(_NOT_LETTERS.split(text.lower()))
    known = (("val", VAL_WORDS), ("test", TEST_WORDS), ("train", TRAIN_WORDS))
    return next((split for split, names in known if words & names), None)
