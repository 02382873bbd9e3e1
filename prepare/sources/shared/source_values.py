"""Values of annotation files, checked where they are read: the code behind them needs no checks of types.

A bad box or area costs that box or area, as a damaged annotation does. Anything else raises an error that
names the field; the caller adds file and line.
"""

import math
import re
from typing import Any

from grounding.files import is_unicode
from grounding.predictions.annotations import LARGEST_SIDE

LARGEST_ID = (1 << 63) - 1
"""Ids fit into the signed 64 bits in which COCO's tools and parquet files keep them."""

SHOWN = 60

_NUMBER = re.compile(r"[-+]?([0-9]{1,20}([.,][0-9]{0,30})?|[.,][0-9]{1,30})([eE][-+]?[0-9]{1,3})?")


class BadValueError(ValueError):
    """A value has another type than its field; the message names the field, and what it needs."""


def read_numbers(value: Any) -> tuple[float, ...]:
    """Return the numbers of a box; none if the value is not a list of numbers.

    Numbers can be texts, with a decimal comma too. The whole list can be a text such as "10, 20, 30, 40".
    """
    if isinstance(value, str):
        value = value.strip(" ()[]").replace(",", " ").split()
    if not isinstance(value, (list, tuple)):
        return ()
    try:
        return tuple(map(_number, value))
    except TypeError:
        return ()


def read_area(value: Any) -> float | None:
    """Return an area; None if the value is not a finite number."""
    try:
        if value is None or not math.isfinite(_number(value)):
            return None
        return _number(value) if isinstance(value, str) else value
    except TypeError:
        return None


def read_side(value: Any, field: str) -> int | None:
    """Return a width or height in pixels; None for 0 or nothing, which leave it to the image.

    Raises:
        BadValueError: not a number, or one that no image has.
    """
    side = read_whole(value, field) if value else 0
    if side > LARGEST_SIDE:
        raise BadValueError(f"{field}: {side} pixels are more than any image has")
    return side or None


def read_whole(value: Any, field: str) -> int:
    """Return a whole number; a text of digits is one, too.

    Raises:
        BadValueError: not a number, or outside of 64 bits.
    """
    try:
        number = int(value) if isinstance(value, (int, float, str)) and value is not True else None
    except (ValueError, OverflowError):  # a word, NaN, Infinity
        number = None
    if number is None or value is False or abs(number) > LARGEST_ID:
        raise BadValueError(f"{field}: a whole number is needed, there is {brief_value(value)}")
    return number


def read_key(value: Any, field: str) -> int | float | str:
    """Return an id as it is: a number or a text.

    Raises:
        BadValueError: of another type.
    """
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return value
    raise BadValueError(f"{field}: a number or a text is needed, there is {brief_value(value)}")


def read_text(value: Any, field: str) -> str:
    """Return a text that is not blank.

    Raises:
        BadValueError: of another type, blank, or with characters that UTF-8 cannot write.
    """
    if not isinstance(value, str) or not value.strip() or not is_unicode(value):
        raise BadValueError(f"{field}: a text is needed, there is {brief_value(value)}")
    return value


def read_label(value: Any, field: str, longest: int) -> str:
    """Return the name of a category; a number is one, too.

    Raises:
        BadValueError: of another type, longer than source.max_text, or not writable as UTF-8.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise BadValueError(f"{field}: a text is needed, there is {brief_value(value)}")
    label = str(value)
    if len(label) > longest:
        raise BadValueError(
            f"{field}: {len(label):,} characters, and source.max_text allows {longest:,}: "
            f"{brief_value(label)}"
        )
    if not is_unicode(label):
        raise BadValueError(f"{field}: characters that UTF-8 cannot write: {brief_value(label)}")
    return label


def brief_value(value: Any) -> str:
    """Return a short text for a message; of a list or an object only the type."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    text = ascii(value) if isinstance(value, str) and not is_unicode(value) else repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def number_in(text: str) -> float:
    """Return the number that a text is; it can have a decimal comma.

    Raises:
        ValueError: it is none.
    """
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"{brief_value(text)} is not a number")
    return float(text.replace(",", "."))


def _number(value: Any) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        try:
            return number_in(value)
        except ValueError as error:
            raise TypeError from error
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 300 digits
        return math.inf
