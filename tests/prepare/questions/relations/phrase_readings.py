"""What a phrase means, found from its words alone: another way than that by which phrases are made.

Each phrase is read in several ways, as people differ: by centres or by edges, by the area of the box or by
the stated one. A phrase that is fit to be asked means the same object in all of them.
"""

import math
import re
from collections.abc import Iterator, Sequence

from grounding.boxes import Box, Size
from prepare.questions.relations.relation_types import SceneObject

NAMES = ("dog", "hot dog", "cat", "person", "cup", "traffic light")
"""The categories of drawn scenes."""

VALUES = {
    "color": ("red", "dark red", "blue", "white"),
    "size": ("small", "large"),
    "make": ("Volvo", "Fiat"),
}
"""The values of their attributes."""

NUMBERS = {
    word: place
    for words in (["first", "second", "third", "fourth", "fifth"], "一二三四五")
    for place, word in enumerate(words, 1)
}
DIRECTIONS = {"left": (0, 1), "right": (0, -1), "top": (1, 1), "bottom": (1, -1)} | {
    "左": (0, 1), "右": (0, -1), "上": (1, 1), "下": (1, -1),
}  # fmt: skip
"""Word -> the axis, and the sign by which the first one has the least coordinate."""

PATTERNS = {
    "first": r"the (?P<way>left|right|top|bottom)most (?P<target>.+)"
    r"|最(?P<way_zh>[左右上下])[边面]的(?P<target_zh>.+)",
    "number": r"the (?P<number>\w+) (?P<target>.+) from the (?P<way>\w+)"
    r"|从(?P<way_zh>[左右上下])数第(?P<number_zh>.)个(?P<target_zh>.+)",
    "size": r"the (?P<size>largest|smallest) (?P<target>.+)|最(?P<size_zh>[大小])的(?P<target_zh>.+)",
    "near": r"the (?P<target>.+) nearest to the (?P<anchor>.+)|离(?P<anchor_zh>.+)最近的(?P<target_zh>.+)",
    "side": r"the (?P<target>.+?) (?:to the )?(?P<way>left of|right of|above|below)(?: the)? (?P<anchor>.+)"
    r"|(?P<anchor_zh>.+?)(?P<way_zh>左边|右边|上方|下方)的(?P<target_zh>.+)",
    "property": r"the (?P<target>.+) whose (?P<name>.+) is (?P<value>.+)"
    r"|(?P<name_zh>\w+)为(?P<value_zh>.+)的(?P<target_zh>.+)",
    "words": rf"the (?P<words>.+?) (?P<target>{'|'.join(NAMES)})|(?P<words_zh>.+)的(?P<target_zh>.+)",
}


def readings(phrase: str, objects: Sequence[SceneObject], size: Size) -> list[set[int]]:
    """Return for each reading of a phrase the positions of the objects that it means."""
    kind, parts = _parse(phrase)
    alike = {place: item for place, item in enumerate(objects) if item.label == parts["target"]}
    anchors = [item.box for item in objects if item.label == parts.get("anchor")]
    if "anchor" in parts and len(anchors) != 1:
        assert not anchors, f"'{phrase}' does not say which {parts['anchor']}"
        return [set()]
    if not alike:
        return [set()]
    return list(_READERS[kind](parts, alike, anchors, size))


def kind_of(phrase: str) -> str:
    """Return the kind of a phrase, one of PATTERNS."""
    return _parse(phrase)[0]


def labels_in(phrase: str) -> set[str]:
    """Return the categories that a phrase names."""
    _, parts = _parse(phrase)
    return {parts[name] for name in ("target", "anchor") if name in parts}


def _parse(phrase: str) -> tuple[str, dict[str, str]]:
    for kind, pattern in PATTERNS.items():
        if found := re.fullmatch(pattern, phrase):
            parts = {name.removesuffix("_zh"): text for name, text in found.groupdict().items() if text}
            return kind, parts
    raise AssertionError(f"nothing reads '{phrase}'")


Alike = dict[int, SceneObject]


def _numbered(parts: dict[str, str], alike: Alike, anchors: list[Box], size: Size) -> Iterator[set[int]]:
    axis, sign = DIRECTIONS[parts["way"]]
    number = NUMBERS[parts.get("number", "first")]
    middles = {place: sign * sum(item.box.xyxy[axis::2]) / 2 for place, item in alike.items()}
    least = 0.02 * (size.height if axis else size.width)
    for ways in (0.0, least, -least):
        yield {
            one
            for one in alike
            if sum(middles[other] < middles[one] + ways for other in alike if other != one) == number - 1
            and sum(middles[other] > middles[one] + ways for other in alike if other != one)
            == len(alike) - number
        }


def _sized(parts: dict[str, str], alike: Alike, anchors: list[Box], size: Size) -> Iterator[set[int]]:
    best = max if parts["size"] in ("largest", "大") else min
    for areas in (
        {place: item.box.area for place, item in alike.items()},
        {place: item.area or item.box.area for place, item in alike.items()},
        {place: round(math.log(item.box.area), 1) for place, item in alike.items()},
    ):
        yield {place for place in areas if areas[place] == best(areas.values())}


def _near(parts: dict[str, str], alike: Alike, anchors: list[Box], size: Size) -> Iterator[set[int]]:
    (anchor,) = anchors
    x, y = anchor.cxcywh[:2]
    far = {place: math.hypot(item.box.cxcywh[0] - x, item.box.cxcywh[1] - y) for place, item in alike.items()}
    for step in (0.001, 0.02 * math.hypot(size.width, size.height)):
        yield {place for place in far if far[place] <= min(far.values()) + step}


def _beside(parts: dict[str, str], alike: Alike, anchors: list[Box], size: Size) -> Iterator[set[int]]:
    (anchor,) = anchors
    word = parts["way"].removesuffix(" of")
    axis = 0 if word[0] in "lr左右" else 1
    sign = 1 if word in ("left", "above", "左边", "上方") else -1
    slack = 0.021 * (size.height if axis else size.width)
    near, far = (axis, axis + 2) if sign < 0 else (axis + 2, axis)
    yield {p for p, i in alike.items() if sign * (sum(anchor.xyxy[axis::2]) - sum(i.box.xyxy[axis::2])) > 0}
    yield {p for p, i in alike.items() if sign * (anchor.xyxy[far] - i.box.xyxy[near]) > -slack}
    yield {p for p, i in alike.items() if sign * (anchor.xyxy[far] - i.box.xyxy[far]) > 0}


def _property(parts: dict[str, str], alike: Alike, anchors: list[Box], size: Size) -> Iterator[set[int]]:
    for may_be in (False, True):
        yield {
            place
            for place, item in alike.items()
            if (value := item.attributes.get(parts["name"], "" if may_be else None)) is not None
            and (value in ("", parts["value"]) or (may_be and parts["value"].lower() in value.lower()))
        }


def _words(parts: dict[str, str], alike: Alike, anchors: list[Box], size: Size) -> Iterator[set[int]]:
    left, wanted = parts["words"], []
    for name, value in sorted(
        ((name, value) for name, values in VALUES.items() for value in values),
        key=lambda pair: -len(pair[1]),
    ):
        if value in left:
            left = left.replace(value, "", 1)
            wanted.append((name, value))
    assert not left.strip(" 的"), f"'{left}' is the value of no attribute"
    yield {
        place
        for place, item in alike.items()
        if all(item.attributes.get(name) == value for name, value in wanted)
    }
    yield {  # not stated means that it may be so, and dark red is red
        place
        for place, item in alike.items()
        if all(set(item.attributes.get(name, value).split()) & set(value.split()) for name, value in wanted)
    }


_READERS = {
    "first": _numbered,
    "number": _numbered,
    "size": _sized,
    "near": _near,
    "side": _beside,
    "property": _property,
    "words": _words,
}
