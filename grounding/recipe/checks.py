"""Checks of settings that are one of a few words, or a share."""

from collections.abc import Sequence

from grounding.recipe.schema import suggestion


def check_word(key: str, value: str, known: Sequence[str]) -> None:
    """Check a setting that takes one of a few words.

    Raises:
        ValueError: the value is none of them.
    """
    if value not in known:
        raise ValueError(f"{key}: no '{value}' (there are {', '.join(known)}){suggestion(value, known)}")


def check_share(key: str, value: float) -> None:
    """Check a share from 0 to 1.

    Raises:
        ValueError: below 0, above 1, or no number.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{key}: {value} is not a share from 0 to 1")


def check_part(key: str, value: float) -> None:
    """Check a share that leaves something for the rest.

    Raises:
        ValueError: below 0, 1 and more, or no number.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{key}: {value} is not a share of at least 0 and below 1")
