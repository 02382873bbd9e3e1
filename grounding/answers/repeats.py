"""Where an answer begins to repeat itself: at an object that it has named before, or in a loop of text.

Models that fall into a loop go on until an answer is cut. `RepeatWatch` follows an answer while it grows, and
`find_repeat` looks at a whole one; both say the same. A repeated object has the label, the four numbers and
the writing of an earlier one: boxes that are one step of the grid apart are two objects, and an answer that
names in JSON what it has told in prose goes on.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from grounding.answers.candidate_numbers import NUMBER_SIGN, find_numbers
from grounding.answers.descriptions import blank_spans
from grounding.answers.forms import LOOPED, REPEATED
from grounding.answers.loops import LoopWatch, loop_start
from grounding.answers.scanner import scan_answer
from grounding.answers.spellings.plain_characters import in_plain_characters
from grounding.answers.spellings.written_boxes import Found, WrittenBox

SCANS = 16
"""Characters that may be scanned for each character of the answer: a limit, so that the work is linear.

Only boxes whose numbers stand in the answer already are a reason to scan it.
"""

FIRST_SCANS = 4096
"""Characters that may be scanned on top of that: short answers are scanned as often as needed."""

_SLICE = 32
"""Characters at a time in which a whole answer is followed: half of the shortest length in `loops`."""

_RUNS = re.compile(r"[0-9.]+|[^0-9.]+")
_MAY_END_BOX = re.compile(r"[)\]}>\n]")
_CLOSING = re.compile(r"(?:\s*(?:[\"'”’`)\]}）】]|</\w{1,30}>|<\|/\w{1,30}\|>|<\|\w{0,30}end\w{0,30}\|>))*")


Scanner = Callable[[str], Sequence[Found]]


@dataclass(frozen=True)
class RepeatStop:
    """An answer repeats itself: the text before `place` holds the objects before, `problem` is the reason."""

    place: int
    problem: str


@dataclass
class RepeatWatch:
    """Follows an answer while it grows.

    `thinks` says that the text begins inside of a thought. Where it is `about_several` pictures, the same
    object in another picture is no repeated one. `work` counts the characters that were scanned or compared:
    it is linear in the length of the answer.
    """

    thinks: bool = False
    about_several: bool = False
    pieces: list[str] = field(default_factory=list)
    loops: LoopWatch = field(default_factory=LoopWatch)
    numbers: "_SeenNumbers" = field(default_factory=lambda: _SeenNumbers())
    length: int = 0
    scanned: int = 0
    stop: RepeatStop | None = None

    @property
    def work(self) -> int:
        """The characters that were looked at so far."""
        return self.scanned + self.loops.work + self.length

    def add(self, piece: str) -> RepeatStop | None:
        """Take the next piece of the text, and return where the answer repeats itself, None if it does not.

        A repeated object is found when it is complete: with its label, where that comes after the box.
        """
        for start in range(0, len(piece), _SLICE):
            if self.stop is None:
                self._add_slice(piece[start : start + _SLICE])
        return self.stop

    def finish(self) -> RepeatStop | None:
        """The text is complete: return where it repeats itself, None if it does not."""
        if self.stop is None and self.numbers.add(" "):
            self.numbers.suspect()
        if self.stop is None and self.numbers.was_suspected:
            self.stop = self._repeated_object(is_whole=True)
        return self.stop

    def _add_slice(self, piece: str) -> None:
        self.pieces.append(piece)
        self.length += len(piece)
        plain, was_suspected = in_plain_characters(piece), self.numbers.is_suspected
        if self.numbers.add(plain):
            self.numbers.suspect()
        if (was_suspected or self.numbers.is_suspected) and _MAY_END_BOX.search(plain):
            self.stop = self._scan()
        period = self.loops.add(piece)
        if self.stop is None and period is not None:
            self.stop = _before_loop(self._text(), period, self._scanner())

    def _scan(self) -> RepeatStop | None:
        if self.scanned + self.length > SCANS * self.length + FIRST_SCANS:
            return None
        self.scanned += self.length
        return self._repeated_object()

    def _repeated_object(self, *, is_whole: bool = False) -> RepeatStop | None:
        return _repeated_object(self._text(), self._scanner(), is_whole=is_whole)

    def _scanner(self) -> Scanner:
        return partial(_scan_numbered, thinks=self.thinks, about_several=self.about_several)

    def _text(self) -> str:
        self.pieces = ["".join(self.pieces)]
        return self.pieces[0]


def find_repeat(text: str, *, thinks: bool = False, about_several: bool = False) -> RepeatStop | None:
    """Return where a whole answer repeats itself, None if it does not."""
    watch = RepeatWatch(thinks, about_several)
    return watch.add(text) or watch.finish()


def _scan_numbered(text: str, *, thinks: bool, about_several: bool) -> tuple[Found, ...]:
    """Scan a text; a candidate that it names by number alone is a box, too, of four times this number."""
    numbered = find_numbers(text, are_listed=False)
    found = scan_answer(numbered.text, thinks=thinks, about_several=about_several)
    if not numbered.numbers:
        return found
    read: list[Found] = []
    for item in found:
        if isinstance(item, WrittenBox):
            box, named = numbered.read(item)
            read.append(box if named is None else box._replace(numbers=(float(named.number),) * 4))
        else:
            read.append(item)
    return tuple(read)


@dataclass
class _SeenNumbers:
    """The numbers of an answer, four at a time: a box whose numbers are new cannot be a repeated one."""

    seen: set[tuple[str, ...]] = field(default_factory=set)
    last: tuple[str, ...] = ()
    run: list[str] = field(default_factory=list)
    before: str = ""
    is_suspected: bool = False
    was_suspected: bool = False
    numbers_left: int = 0

    def add(self, piece: str) -> bool:
        """Take the next piece; tell whether four numbers in a row ended in it that stand before, too."""
        is_known = False
        for part in _RUNS.findall(piece):
            if part[0] in "0123456789.":
                self.run.append(part)
                continue
            if self.run:
                is_known |= self._end_number("".join(self.run), part[0])
                self.run = []
            self.before = part[-1]
        return is_known

    def suspect(self) -> None:
        """The box that ends here may be a repeated one: the next five numbers belong to it or come after."""
        self.is_suspected = self.was_suspected = True
        self.numbers_left = 5

    def _end_number(self, number: str, after: str) -> bool:
        """Add a number, unless it is a part of a word, such as x1."""
        if self.before.isalpha() or self.before == "_" or after.isalpha() or after == "_":
            return False
        self.last = (*self.last[-3:], number.rstrip("."))
        self.numbers_left -= 1
        self.is_suspected = self.is_suspected and self.numbers_left > 0
        is_known = self.last in self.seen
        if len(self.last) == 4:
            self.seen.add(self.last)
        return is_known


def _boxes(text: str, scan: Scanner) -> list[WrittenBox]:
    return [found for found in scan(text) if not isinstance(found, str)]


def _repeated_object(text: str, scan: Scanner, *, is_whole: bool = False) -> RepeatStop | None:
    """Return the stop before the first object that repeats an earlier one."""
    boxes = _boxes(text, scan)
    bare = _without_descriptions(text, boxes)
    seen: set[object] = set()
    for number, (box, writing) in enumerate(zip(boxes, _writings(text, boxes), strict=True)):
        key = (box.picture, box.label, box.numbers, box.is_percent, box.order, writing)
        if key in seen:
            is_last = number + 1 == len(boxes)
            if not is_whole and not _is_complete(bare, box, is_last=is_last):
                return None
            place = _end_of(text, boxes[:number], _start_of(box, boxes[number - 1]), scan)
            return None if place is None else RepeatStop(place, REPEATED)
        seen.add(key)
    return None


def _before_loop(text: str, period: int, scan: Scanner) -> RepeatStop:
    """Return the stop at the end of the last object before a loop at the end of a text."""
    first = text[: loop_start(text, period) + period]
    boxes = _boxes(first, scan)
    if boxes and not _is_complete(_without_descriptions(first, boxes), boxes[-1], is_last=True):
        boxes.pop()
    if not boxes:  # without a problem, it says that there is nothing
        return RepeatStop(0 if scan(first) else len(first), LOOPED)
    return RepeatStop(_end_of(first, boxes, len(first), scan) or 0, LOOPED)


def _without_descriptions(text: str, boxes: Sequence[WrittenBox]) -> str:
    """Return the text with blanks for the descriptions of boxes: braces in them close nothing."""
    return blank_spans(text, sorted({box.description_span for box in boxes if box.description}))


def _writings(text: str, boxes: Sequence[WrittenBox]) -> Iterator[str]:
    """Yield what stands between each box and its label; under one label, all have that of the first."""
    known: dict[object, str] = {}
    for box in boxes:
        (label_start, label_end), (start, end) = box.label_span, box.span
        if box.label_span not in known:
            between = text[label_end:start] if label_end <= start else text[end:label_start]
            known[box.label_span] = "".join(between.split()) if box.label else ""
        yield known[box.label_span]


def _is_complete(text: str, box: WrittenBox, *, is_last: bool) -> bool:
    """Tell whether what follows can no longer change the label of a box in a growing text."""
    start, end = box.span
    if is_last and end == len(text) and text[start : start + 1] == NUMBER_SIGN:
        return False  # a candidate's number can have another digit
    if text.rfind("{", 0, start) > text.rfind("}", 0, start):  # its label can be anywhere in the braces
        return text.find("}", end) >= 0 or (bool(box.label) and not is_last)
    is_named = bool(box.label) and box.label_span[1] <= end
    return is_named or not is_last or "\n" in text[end:] or "</" in text[end:]


def _start_of(box: WrittenBox, previous: WrittenBox) -> int:
    """Return where the text of an object begins, in which the object before it has no part."""
    own = [box.span[0]]
    if box.label and box.label_span[0] >= previous.span[0] and box.label_span != previous.label_span:
        own.append(box.label_span[0])
    return min(own)


def _end_of(text: str, boxes: Sequence[WrittenBox], limit: int, scan: Scanner) -> int | None:
    """Return a place up to which a text holds just these boxes, with what closes the last of them.

    Nothing from `limit` on is used. None if there is no such place.
    """
    last = boxes[-1]
    end = max(last.span[1], last.label_span[1], last.description_span[1])
    braces = text.rfind("}", end, text.rfind("{", end, limit) if "{" in text[end:limit] else limit)
    for place in (braces + 1, end):
        if place < end or place > limit:
            continue
        closed = _CLOSING.match(text, place, limit)
        place = place if closed is None else closed.end()
        kept = _boxes(text[:place], scan)
        if [(box.label, box.numbers) for box in kept] == [(box.label, box.numbers) for box in boxes]:
            return place
    return None
