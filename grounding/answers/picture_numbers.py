"""From the pictures that an answer names to their indices in the question."""

from collections.abc import Iterator, Sequence

from grounding.answers.forms import PICTURE_MISSING, PICTURE_UNCLEAR, PICTURE_UNNAMED, PICTURES_FROM_0
from grounding.answers.spellings.written_boxes import Found, WrittenBox


def index_pictures(found: Sequence[Found], count: int) -> Iterator[tuple[WrittenBox, int] | str]:
    """Yield the boxes of an answer about `count` pictures with the index of theirs, and the named problems.

    Numbers of pictures count from 1, as the question does, unless one of them is 0, which is reported.
    Indices count from 0 if one of them is 0, and from 1 if one is that of the last picture; without either,
    they are not clear. A box whose picture is not named, not clear or not there is left out and reported.
    """
    said = [box.picture for box in found if isinstance(box, WrittenBox) and box.picture is not None]
    first: dict[bool, int | None] = {}
    for is_number in (True, False):
        numbers = {picture.number for picture in said if picture.counts_from_1 is is_number}
        if 0 in numbers:
            first[is_number] = None if count in numbers else 0
        else:
            first[is_number] = 1 if is_number or count in numbers else None
    for box in found:
        if isinstance(box, str):
            yield box
        elif box.picture is None:
            yield PICTURE_UNNAMED
        elif (start := first[box.picture.counts_from_1]) is None:
            yield PICTURE_UNCLEAR
        elif not 0 <= box.picture.number - start < count:
            yield PICTURE_MISSING
        else:
            yield box, box.picture.number - start
    if first[True] == 0:
        yield PICTURES_FROM_0
