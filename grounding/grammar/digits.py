"""Which digits a whole number between two others can go on with."""


def longer(value: int | None, digit: int) -> int | None:
    """Return a number with one more digit, None where that would be a leading zero."""
    if value is None:
        return digit
    return None if value == 0 else value * 10 + digit


def leads(value: int | None, low: int, high: int) -> bool:
    """Tell whether digits are the beginning of a number between two others, or one themselves."""
    return value is not None and any(can_have(value, count, low, high) for count in range(4))


def can_have(value: int | None, count: int, low: int, high: int) -> bool:
    """Tell whether so many more digits give a number between two others."""
    if value is None:
        first, last = (10 ** (count - 1) if count > 1 else 0), 10**count - 1
    elif value == 0 and count:
        return False
    else:
        first = value * 10**count
        last = first + 10**count - 1
    return first <= high and last >= low
