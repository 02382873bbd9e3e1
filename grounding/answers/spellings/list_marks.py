"""Marks of lists before names: `- dog`, `1. dog`, `2) dog`, `(3) dog`, `#4 dog`, `5、狗`."""

import re

_LIST_MARK = re.compile(
    r"""\A\s*[*_]{0,3}                                 # bold or slanted text may begin before the mark
    (?:[-*•·]\s|\(\d{1,3}\)|（\d{1,3}）|\#\d{1,3}(?=[\s:：.)])[:：.)]?
    |\d{1,3}(?:[.)）](?=\s|[^\W\d]|[*_"'<`]|\Z)|[、,](?=[^\W\d])))\s*""",
    re.VERBOSE,
)


def list_mark_length(text: str) -> int:
    """Return how many characters of a text without tags are a mark of a list before its name, or 0.

    A number that belongs to the name stays with it: `7 up`, `3.5 mm plug`.
    """
    mark = _LIST_MARK.search(text)
    return mark.end() if mark else 0
