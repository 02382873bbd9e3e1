"""Numbers of candidates in answers: `dog#3` in grounding tokens, `{"candidate": 3, "label": "dog"}` in JSON.

A number alone means the candidate's own box; with a box beside it, the answer corrects the candidate. The
scanner knows boxes alone. Therefore each number without a box is replaced by a box before the text is
scanned, and places in the text that was scanned are led back to those in the answer.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from grounding.answers.forms import BOX_KEYS
from grounding.answers.spellings.plain_characters import in_plain_characters
from grounding.answers.spellings.written_boxes import WrittenBox
from grounding.markup import BOX_START, REF_END
from grounding.samples import Span

NUMBER_KEY = "candidate"
"""The key of a candidate's number in JSON answers."""

NUMBER_SIGN = "#"
"""What stands before a candidate's number in the question, and in answers in grounding tokens."""

_LONGEST_OBJECT = 2000
"""Characters behind a number in which its object's box is looked for, where nothing closes the object."""

_IN_PLACE = "(1,1),(999,999)"
_IN_JSON = "[1, 1, 999, 999]"
_KEY = re.compile(
    r"""["'](?P<key>candidates?(?:_(?:ids?|numbers?|index))?)["']\s{0,9}:\s{0,9}
    (?:(?P<list>\[[\s0-9,]{1,4000}\])
        |(?P<value>["']?\#?(?P<number>[0-9]{1,4})["']?)(?=\s{0,9}(?:[,}\n]|\Z)))""",
    re.IGNORECASE | re.VERBOSE,
)
_BOX_KEY = re.compile(
    rf"""["'](?:{"|".join(sorted(BOX_KEYS, key=len, reverse=True))})["']\s{{0,9}}:""", re.IGNORECASE
)
_LOOKS_LIKE_JSON = re.compile(r"""[\[{]\s{0,40}(?:\{\s{0,40})?["']""")
_NUMBER = re.compile("[0-9]{1,4}(?![0-9])")
_IN_TEXT = re.compile(
    # Behind a label whose tokens a decoder has skipped, or in words.
    r"""(?:(?<=[^\s\#(\[,:])\# | (?<![A-Za-z])(?:candidate|候选框?)\s{0,4}\#?)
    \s{0,4}(?P<number>[0-9]{1,4}(?![0-9]))""",
    re.IGNORECASE | re.VERBOSE,
)
_IN_TOKENS = re.compile(rf"{re.escape(REF_END)}\s{{0,4}}#\s{{0,4}}(?P<number>[0-9]{{1,4}}(?![0-9]))")
_BOX_AHEAD = re.compile(
    rf"[\s:]{{0,9}}(?:{re.escape(BOX_START)})?\s{{0,9}}[(\[]\s{{0,9}}[(\[]?\s{{0,9}}[0-9.]"
)


class NamedNumber(NamedTuple):
    """A candidate's number, from 1, as an answer names it; `is_corrected` where a box stands beside it.

    `region` is the part of the answer in which that box begins; of a number alone, its own place.
    """

    region: Span
    number: int
    is_corrected: bool


class _Swap(NamedTuple):
    """A part of an answer, and the text that is scanned in its place."""

    span: Span
    text: str


@dataclass(frozen=True)
class NumberedAnswer:
    """An answer with the numbers of candidates that it names, both in the order of their places."""

    original: str
    swaps: tuple[_Swap, ...] = ()
    numbers: tuple[NamedNumber, ...] = ()

    @cached_property
    def text(self) -> str:
        """The text to be scanned, with boxes in place of numbers."""
        pieces, place = [], 0
        for swap in self.swaps:
            pieces += [self.original[place : swap.span[0]], swap.text]
            place = swap.span[1]
        return "".join([*pieces, self.original[place:]])

    def read(self, box: WrittenBox) -> tuple[WrittenBox, NamedNumber | None]:
        """Return a box of the scanned text with its places in the answer, and the number that it has."""
        if not self.numbers:
            return box, None
        if self.swaps:
            box = box._replace(
                label_span=self._original_span(box.label_span),
                span=self._original_span(box.span),
                spans=tuple(map(self._original_span, box.spans)),
                description_span=self._original_span(box.description_span),
            )
        start = box.span[0]
        place = bisect_right(self._regions, start) - 1
        named = self.numbers[place] if place >= 0 else None
        return box, named if named is not None and named.region[0] <= start < named.region[1] else None

    @cached_property
    def _regions(self) -> list[int]:
        return [named.region[0] for named in self.numbers]

    @cached_property
    def _starts(self) -> list[int]:
        """Where each swap begins in the scanned text."""
        starts, shift = [], 0
        for (start, end), text in self.swaps:
            starts.append(start + shift)
            shift += len(text) - (end - start)
        return starts

    def _original_span(self, span: Span) -> Span:
        return self._original_place(span[0]), max(self._original_place(span[0]), self._original_end(span[1]))

    def _original_place(self, place: int) -> int:
        """Return where a place of the scanned text is in the answer; within a swap, where that begins."""
        number = bisect_right(self._starts, place) - 1
        if number < 0:
            return place
        (start, end), text = self.swaps[number]
        beyond = place - self._starts[number] - len(text)
        return start if beyond < 0 else end + beyond

    def _original_end(self, place: int) -> int:
        """Return the end of what ends at a place of the scanned text; within a swap, where that ends."""
        if place == 0:
            return 0
        number = bisect_right(self._starts, place - 1) - 1
        if number < 0:
            return place
        (_, end), text = self.swaps[number]
        return end + max(0, place - self._starts[number] - len(text))


def find_numbers(text: str, *, are_listed: bool) -> NumberedAnswer:
    """Return an answer with the numbers of candidates in it.

    `are_listed` says whether the question lists candidates: otherwise only what can mean nothing else is
    taken for such a number. Time is linear in the text's length.
    """
    if NUMBER_SIGN not in in_plain_characters(text) and "andidate" not in text and "候选" not in text:
        return NumberedAnswer(text)
    plain = in_plain_characters(text)
    found = list(_in_words(plain, _IN_TOKENS)) or list(_in_json(plain))
    if are_listed and not found and REF_END not in plain and not _LOOKS_LIKE_JSON.search(plain):
        found = list(_in_words(plain, _IN_TEXT))
    if not are_listed:
        found = [(swaps, named) for swaps, named in found if not named.is_corrected]
    swaps = sorted({swap for own, _ in found for swap in own})
    return NumberedAnswer(text, tuple(swaps), tuple(sorted(named for _, named in found)))


_Found = tuple[list[_Swap], NamedNumber]


def _in_words(text: str, pattern: re.Pattern[str]) -> Iterator[_Found]:
    for match in pattern.finditer(text):
        start = match.start() + (len(REF_END) if text.startswith(REF_END, match.start()) else 0)
        span, number = (start, match.end()), int(match["number"])
        if ahead := _BOX_AHEAD.match(text, match.end()):
            yield [_Swap(span, "")], NamedNumber((match.end(), ahead.end()), number, is_corrected=True)
        else:
            yield [_Swap(span, _IN_PLACE)], NamedNumber(span, number, is_corrected=False)


def _in_json(text: str) -> Iterator[_Found]:
    before = 0
    for match in _KEY.finditer(text):
        limit = match.end() + _LONGEST_OBJECT
        start, end = text.rfind("{", before, match.start()), text.find("}", match.end(), limit)
        start, end = max(start, before), limit if end < 0 else end
        before = match.end()
        key = _Swap(match.span("key"), BOX_KEYS[0] if match["list"] is None else "bboxes")
        if match["list"] is None:
            number = int(match["number"])
            if _BOX_KEY.search(text, start, end):
                yield [], NamedNumber((start, end), number, is_corrected=True)
                continue
            span = match.span("value")
            yield [key, _Swap(span, _IN_JSON)], NamedNumber(span, number, is_corrected=False)
        else:
            for value in _NUMBER.finditer(text, *match.span("list")):
                own = _Swap(value.span(), _IN_JSON)
                yield [key, own], NamedNumber(value.span(), int(value.group()), is_corrected=False)
