"""The parts of answers, as a graph: each names the parts that can come after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grounding.boxes import GRID
from grounding.grammar.answer_form import (
    CANDIDATE,
    AnswerForm,
    Pieces,
    answer_form,
    numbered_items,
    picture_form,
)
from grounding.grammar.description_text import DescriptionText
from grounding.grammar.label_rule import LABEL_ROOM, LabelRule
from grounding.grammar.symbols import END, Symbols, spell


@dataclass(frozen=True)
class FixedPart:
    """Symbols without a choice."""

    symbols: Symbols
    then: int


@dataclass(frozen=True)
class RulePart:
    """A label or a description; it is begun only where so many tokens are left."""

    rule: LabelRule
    room: int
    then: int


@dataclass(frozen=True)
class NumberPart:
    """x1, y1, x2 or y2, by its place in a box, or a candidate's number, up to `most`."""

    place: int
    then: int
    most: int = GRID


@dataclass(frozen=True)
class ChoicePart:
    """One of several parts; the first of them leads to the end of the answer."""

    parts: tuple[int, ...]


AnswerPart = FixedPart | RulePart | NumberPart | ChoicePart

DONE = FixedPart((), -1)
"""What comes after the end."""


def answer_parts(
    answer_format: str, rule: LabelRule, room: int, descriptions: bool, pictures: int, candidates: int
) -> tuple[list[AnswerPart], int]:
    """Return the parts of a format's answers about so many pictures, and the number of the first part.

    Labels follow a rule, and are begun where there is so much room. Objects can be named by so many
    candidates, of one picture.
    """
    form = answer_form(answer_format)
    builder = _Builder(form, rule, room, descriptions)
    if candidates:
        first = builder.with_candidates(numbered_items(answer_format), candidates)
    elif pictures == 1:
        first = builder.one_picture()
    else:
        first = builder.several_pictures(answer_format, pictures)
    first = builder.add(ChoicePart((builder.nothing, first)))
    return builder.parts, builder.fixed(form.opening, first)


@dataclass
class _Builder:
    """Adds parts from the last one to the first, as each names those after it."""

    form: AnswerForm
    rule: LabelRule
    room: int
    descriptions: bool
    parts: list[AnswerPart] = field(default_factory=lambda: [DONE])

    def __post_init__(self) -> None:
        self.closing = self.add(FixedPart((*spell(self.form.closing), END), 0))
        self.nothing = self.add(FixedPart((*spell(self.form.nothing), END), 0))

    def add(self, part: AnswerPart) -> int:
        self.parts.append(part)
        return len(self.parts) - 1

    def fixed(self, text: str, then: int) -> int:
        """Add a text before a part; nothing if it is empty."""
        return self.add(FixedPart(spell(text), then)) if text else then

    def one_picture(self) -> int:
        """Add objects with separators between them, and return the first part."""
        after = self.add(DONE)
        item = self.item(self.form.pieces, after)
        self.parts[after] = ChoicePart((self.closing, self.fixed(self.form.separator, item)))
        return item

    def with_candidates(self, numbered: Sequence[Pieces], most: int) -> int:
        """Add objects, each of which can be named by a candidate's number, and return the first part.

        What the kinds of objects begin with in common is one part, as a choice is made symbol by symbol.
        """
        after = self.add(DONE)
        item = self.tree([_spelled(pieces) for pieces in (*numbered, self.form.pieces)], after, most)
        self.parts[after] = ChoicePart((self.closing, self.fixed(self.form.separator, item)))
        return item

    def tree(self, items: Sequence["_Spelled"], then: int, most: int) -> int:
        """Add one of several objects, the shortest of them first, and return the first part."""
        items = list(dict.fromkeys(items))
        if not any(items):
            return then
        firsts = list(dict.fromkeys(item[0] for item in items if item))
        if len(firsts) > 1 or not all(items):
            groups = [[item for item in items if item and item[0] == first] for first in firsts]
            options = [] if all(items) else [then]
            return self.add(ChoicePart((*options, *(self.tree(group, then, most) for group in groups))))
        first = firsts[0]
        if isinstance(first, int):
            shared = _shared_symbols(items)
            rest = self.tree([item[len(shared) :] for item in items], then, most)
            return self.add(FixedPart(shared, rest))
        rest = self.tree([item[1:] for item in items], then, most)
        if first is None:
            return self.add(RulePart(self.rule, self.room, rest))
        place = int(first)
        return self.add(NumberPart(place, rest, most if place == CANDIDATE else GRID))

    def several_pictures(self, answer_format: str, count: int) -> int:
        """Add the objects of each picture, in the order of the pictures, and return the first part."""
        form = picture_form(answer_format)
        entries: dict[str, int] = {}
        for number in range(count, 0, -1):
            after = self.add(DONE)
            item = self.item(form.pieces, after)
            later = dict(entries)
            entries = {str(number): self.fixed(form.after, item), **entries}
            options = [self.closing]
            if form.same is not None:
                options.append(self.fixed(form.same, item))
            if following := later if form.same is not None else entries:
                options.append(self.fixed(form.following + form.before, self.number(following)))
            self.parts[after] = ChoicePart(tuple(options))
        return self.fixed(form.before, self.number(entries))

    def number(self, entries: Mapping[str, int]) -> int:
        """Add a choice between numbers, digit by digit; each leads to its part."""
        by_digit: dict[str, dict[str, int]] = {}
        for digits, then in entries.items():
            by_digit.setdefault(digits[:1], {})[digits[1:]] = then
        options = []
        for digit, rests in by_digit.items():
            then = rests[""] if set(rests) == {""} else self.number(rests)
            options.append(self.fixed(digit, then))
        return options[0] if len(options) == 1 else self.add(ChoicePart(tuple(options)))

    def item(self, pieces: Sequence[str | int | None], then: int) -> int:
        """Add the pieces of an object, and return the first part."""
        tail = str(pieces[-1])
        first = self.ending(tail, then) if self.descriptions else self.fixed(tail, then)
        for piece in reversed(pieces[:-1]):
            if piece is None:
                first = self.add(RulePart(self.rule, self.room, first))
            else:
                is_text = isinstance(piece, str)
                first = self.fixed(str(piece), first) if is_text else self.add(NumberPart(int(piece), first))
        return first

    def ending(self, tail: str, then: int) -> int:
        """Add the last piece of an object, which can go on with a description."""
        form = self.form
        plain = self.fixed(tail.removeprefix(form.undescribed), then)
        text = self.add(RulePart(DescriptionText(), LABEL_ROOM, self.fixed(form.behind, then)))
        choice = self.add(ChoicePart((plain, self.fixed(form.before, text))))
        return self.fixed(form.undescribed, choice)


_Spelled = tuple[int | str | None, ...]
"""An object as symbols, places of numbers as texts, and its label (None)."""


def _spelled(pieces: Pieces) -> _Spelled:
    return tuple(
        symbol
        for piece in pieces
        for symbol in (spell(piece) if isinstance(piece, str) else (piece if piece is None else str(piece),))
    )


def _shared_symbols(items: Sequence[_Spelled]) -> Symbols:
    """Return the symbols that all objects begin with."""
    shared = []
    for column in zip(*items, strict=False):
        if len(set(column)) > 1 or not isinstance(column[0], int):
            break
        shared.append(column[0])
    return tuple(shared)
