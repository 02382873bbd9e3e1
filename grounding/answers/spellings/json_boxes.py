"""Boxes in JSON: objects with a box and a label, labels as keys, lists of boxes, and answers in strings."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from grounding.answers.forms import (
    BOX_KEYS,
    CONFIDENCE_KEYS,
    CONTAINER_KEYS,
    DESCRIPTION_KEYS,
    LABEL_KEYS,
    NOT_FOUR_NUMBERS,
    POINT,
)
from grounding.answers.spellings.loose_json import (
    SHARE,
    LooseList,
    LooseNumber,
    LooseObject,
    LooseText,
    located,
    parse_loose_json,
    read_shares,
)
from grounding.answers.spellings.named_sides import as_number, as_numbers, find_sides, plain_key
from grounding.answers.spellings.plain_characters import Piece
from grounding.answers.spellings.said_pictures import picture_of_name, picture_of_object
from grounding.answers.spellings.written_boxes import Found, SaidPicture, WrittenBox, written_box

MAX_LEVELS = 3
"""Strings in strings in strings."""

UNNAMED = located("", (0, 0))
"""The label of a box without one."""

_POINT_KEYS = frozenset({"point", "point_2d", "points", "point_2ds", "center", "centre"})
_BOX_IN_STRING = re.compile(rf"[\s\[(]*{SHARE}(?:[\s,;]+{SHARE}){{3}}[\s\])]*")
_TWO_POINTS_IN_STRING = re.compile(
    rf"\s*[\[(]?\s*[\[(]\s*{SHARE}\s*,\s*{SHARE}\s*[\])]\s*,\s*[\[(]\s*{SHARE}\s*,\s*{SHARE}\s*[\])]\s*[\])]?\s*"
)
_KEYS_OF_NAMES = tuple(key for key in LABEL_KEYS if key not in DESCRIPTION_KEYS)
_FLOATS = {float}
_DIGIT = re.compile(r"[0-9]")
_BRACKETS = frozenset("[({<, ")

Reader = Callable[[Piece], list[Found]]
_Pending = tuple[Any, LooseText, SaidPicture | None]
"""A value, and the label and the picture that are said of it above."""

BesideReader = Callable[[Piece, list[LooseList]], list[LooseText]]


@dataclass
class JsonReader:
    """Reads the values in a piece: `read_inside` reads the strings in it that hold answers themselves.

    `label_beside` returns the labels of bare boxes, which stand beside them in the text.
    """

    piece: Piece
    read_inside: Reader
    label_beside: BesideReader
    found: list[Found] = field(default_factory=list)
    pending: list[_Pending] = field(default_factory=list)

    def read(self) -> tuple[list[Found], bool]:
        """Return what was found, in its order, and whether the last value was cut off."""
        roots, is_cut_off = parse_loose_json(self.piece)
        bare = [root for root in roots if isinstance(root, LooseList) and _is_box(root)]
        labels = dict(zip(map(id, bare), self.label_beside(self.piece, bare), strict=True))
        self.pending = [(root, labels.get(id(root), UNNAMED), None) for root in reversed(roots)]
        while self.pending:
            value, label, picture = self.pending.pop()
            before = len(self.found)
            if isinstance(value, LooseObject):
                picture = self._read_object(value, label, picture)
            elif isinstance(value, LooseList):
                self._read_list(value, label, picture)
            else:
                self._read_string(value)
            if picture is not None:
                self._place_in(picture, before)
        return self.found, is_cut_off

    def _read_object(
        self, value: LooseObject, above: LooseText, picture: SaidPicture | None
    ) -> SaidPicture | None:
        """Read an object, and return the picture of its boxes: the one that it names, or the one above."""
        keys = {plain_key(key): key for key in reversed(value)}
        plain = {name: value[key] for name, key in keys.items()}
        boxes = next((plain[name] for name in BOX_KEYS if name in plain and _may_be_box(plain[name])), None)
        own = next((name for name in LABEL_KEYS if isinstance(plain.get(name), LooseText)), None)
        label = above if own is None else plain[own]
        confidence, before = _confidence(plain), len(self.found)
        picture = picture_of_object(plain) or picture
        sides = find_sides(plain) if boxes is None else None
        if sides is not None:
            self.found.append(written_box(label, sides[0], value.span, sides[1], confidence))
        elif boxes is not None:
            of_names = LABEL_KEYS if own is None or own in DESCRIPTION_KEYS else _KEYS_OF_NAMES
            names = next((plain[name] for name in of_names if _is_texts(plain.get(name))), None)
            self._add_boxes(boxes, label, confidence, names)
        elif any(plain_key(key) in _POINT_KEYS and _is_point(item) for key, item in value.items()):
            self.found.append(POINT)
        else:
            self._push(
                [
                    (
                        item,
                        label if own is not None else _label_of_key(key, above),
                        _picture_of_key(key, picture),
                    )
                    for key, item in value.items()
                ]
            )
        if own is not None and len(self.found) > before:
            self._describe(
                before, next((plain[name] for name in DESCRIPTION_KEYS if name in plain), None), label
            )
        return picture

    def _place_in(self, picture: SaidPicture, start: int) -> None:
        """Put the boxes found from `start` on into a picture, unless they name their own."""
        for place, found in enumerate(self.found[start:], start):
            if isinstance(found, WrittenBox) and found.picture is None:
                self.found[place] = found._replace(picture=picture)

    def _describe(self, start: int, text: Any, label: LooseText) -> None:
        """Give the boxes found from `start` on the description beside their label, if it is a text."""
        if isinstance(text, LooseText) and text is not label and text.strip():
            for place, found in enumerate(self.found[start:], start):
                if isinstance(found, WrittenBox):
                    self.found[place] = found._replace(description=str(text), description_span=text.span)

    def _read_list(self, value: LooseList, label: LooseText, picture: SaidPicture | None) -> None:
        kinds = set(map(type, value))
        if kinds == _FLOATS:
            self.found.append(written_box(label, value, value.span))
            return
        if kinds == {LooseList} and (corners := _corners(value)) is not None:
            self.found.append(written_box(label, corners, value.span))
            return
        numbers = [item for item in value if isinstance(item, float)]
        words = [item for item in value if isinstance(item, LooseText)]
        if len(numbers) == 4 and len(words) == 1 and len(value) == 5 and words[0] in (value[0], value[-1]):
            self.found.append(written_box(words[0], numbers, value.span))
        elif not kinds & {LooseObject, LooseList}:
            if numbers:  # words in brackets are prose, unless they are answers
                self.found.append(_box_or_problem(value, label))
            else:
                self._push([(word, label, picture) for word in words])
        elif words and LooseList in kinds and LooseObject not in kinds:
            self._push([(item, name, picture) for item, name in _labelled_by_words(value, label)])
        else:
            self._push([(item, label, picture) for item in value])

    def _read_string(self, value: LooseText) -> None:
        inside = self.piece.inside(value.span)
        if self.piece.level < MAX_LEVELS and _may_hold_boxes(inside.plain):
            self.found += self.read_inside(inside)

    def _push(self, items: list[_Pending]) -> None:
        self.pending += [item for item in reversed(items) if isinstance(item[0], (dict, list, LooseText))]

    def _add_boxes(
        self, value: Any, label: LooseText, confidence: float | None, names: LooseList | None
    ) -> None:
        """Add one box, or each box of a list of boxes; names in a list of the same length are theirs."""
        boxes = list(_split_boxes(value))
        labels = list(names) if names is not None and len(names) == len(boxes) else [label] * len(boxes)
        for box, name in zip(boxes, labels, strict=True):
            self.found.append(_box_or_problem(box, name, confidence))


def _split_boxes(value: Any) -> Iterator[Any]:
    """Yield the one value of a box key, or each item of it if it is a list of boxes."""
    is_several = isinstance(value, LooseList) and value and not isinstance(value[0], float)
    if not is_several or _corners(value) is not None or as_numbers(value) is not None:
        yield value
    else:
        yield from value


def _box_or_problem(value: Any, label: LooseText, confidence: float | None = None) -> Found:
    """Return the box in the value of a box key: a list of numbers, two corners, named sides, or a text."""
    if isinstance(value, LooseList) and set(map(type, value)) == _FLOATS:
        return written_box(label, value, value.span, None, confidence)
    if isinstance(value, LooseObject):
        sides = find_sides({plain_key(key): item for key, item in value.items()})
        return written_box(label, sides[0], value.span, sides[1], confidence) if sides else NOT_FOUR_NUMBERS
    if isinstance(value, LooseText):
        if _BOX_IN_STRING.fullmatch(value.plain) or _TWO_POINTS_IN_STRING.fullmatch(value.plain):
            return written_box(
                label, list(read_shares(value.plain, value.span[0])), value.span, "xyxy", confidence
            )
        return NOT_FOUR_NUMBERS
    numbers = as_numbers(value) if (corners := _corners(value)) is None else corners
    if isinstance(value, LooseList) and len(value) == 1 and numbers is None:
        return _box_or_problem(value[0], label, confidence)
    return NOT_FOUR_NUMBERS if not numbers else written_box(label, numbers, value.span, None, confidence)


def _corners(value: Any) -> list[float] | None:
    """Return the numbers of two corners, [[x1, y1], [x2, y2]]; None for another value."""
    if not (isinstance(value, LooseList) and len(value) == 2):
        return None
    first, second = value
    if not (
        isinstance(first, LooseList) and isinstance(second, LooseList) and len(first) == len(second) == 2
    ):
        return None
    return as_numbers(LooseList([*first, *second]))


def _may_hold_boxes(text: str) -> bool:
    return not _BRACKETS.isdisjoint(text) and _DIGIT.search(text) is not None


def _labelled_by_words(value: LooseList, label: LooseText) -> list[tuple[Any, LooseText]]:
    """Return the lists of a list with the words beside them: before them, or after if a list comes first."""
    items: list[tuple[Any, LooseText]] = []
    words_first = isinstance(value[0], LooseText)
    for item in value if words_first else reversed(value):
        if isinstance(item, LooseText):
            label = item
        else:
            items.append((item, label))
    return items if words_first else items[::-1]


def _is_box(value: LooseList) -> bool:
    return len(value) == 4 and all(isinstance(item, float) for item in value)


def _is_point(value: Any) -> bool:
    return isinstance(value, LooseList) and (
        len(as_numbers(value) or ()) == 2 or (bool(value) and all(map(_is_point, value)))
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, LooseList) and set(map(type, value)) == {LooseText}


def _may_be_box(value: Any) -> bool:
    """Tell whether the value of a box key can be boxes; an object or a text may also hold answers."""
    if isinstance(value, LooseObject):
        return find_sides({plain_key(key): item for key, item in value.items()}) is not None
    if isinstance(value, LooseList):
        return not any(isinstance(item, LooseObject) and not _may_be_box(item) for item in value)
    return True


def _label_of_key(key: str, above: LooseText) -> LooseText:
    """Return the label that a key is, unless it names a kind of container, as `objects` and `box_1` do."""
    name = plain_key(key).rstrip("0123456789_ ")
    if not name or name in CONTAINER_KEYS or name in BOX_KEYS or plain_key(key) in BOX_KEYS:
        return above
    return key if isinstance(key, LooseText) else above


def _picture_of_key(key: str, above: SaidPicture | None) -> SaidPicture | None:
    """Return the picture that a key names, as `image_2` does, else the one above."""
    return picture_of_name(key.replace("_", " ")) or above


def _confidence(plain: dict[str, Any]) -> float | None:
    """Return how sure the text says that it is, in [0, 1]; None where it states no such number."""
    value = next((as_number(plain[name]) for name in CONFIDENCE_KEYS if name in plain), None)
    if isinstance(value, LooseNumber) and value.is_percent:
        value = value / 100
    return float(value) if value is not None and 0 <= value <= 1 else None
