"""Which texts are answers of a format, symbol by symbol: what the writer writes, and the reader reads.

Tried for this: llguidance 1.9.1. (xgrammar pulls torch in; outlines-core's automaton would hold every pair of
corners.) One regular expression of 2,000 alternatives tells it which boxes have an area; its masks are fast,
and it forces tokens as the tokenizer segments them. But it does not tell how many tokens an answer needs to
end, so that an answer near `max_new_tokens` would still be cut. With the states below, that is a sum.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from grounding.boxes import GRID
from grounding.grammar.answer_form import CANDIDATE, AnswerForm, Pieces, answer_form, numbered_items
from grounding.grammar.description_text import DescriptionText
from grounding.grammar.digits import can_have, leads, longer
from grounding.grammar.free_labels import FreeLabel
from grounding.grammar.label_rule import LABEL_ROOM, LabelRule
from grounding.grammar.listed_labels import ListedLabel
from grounding.grammar.symbols import END, Symbols, spell

State = tuple[int, Any, Any]
"""The number of a part, the place within it, and the corner x1, y1 as far as a later number depends on it."""


@dataclass(frozen=True)
class _Fixed:
    """Symbols without a choice."""

    symbols: Symbols
    then: int


@dataclass(frozen=True)
class _Text:
    """A label or a description; it is begun only where so many tokens are left."""

    rule: LabelRule
    room: int
    then: int


@dataclass(frozen=True)
class _Number:
    """x1, y1, x2 or y2, by its place in a box, or a candidate's number, up to `most`."""

    place: int
    then: int
    most: int = GRID


@dataclass(frozen=True)
class _Choice:
    """One of several parts; the first of them leads to the end of the answer."""

    parts: tuple[int, ...]


_Part = _Fixed | _Text | _Number | _Choice


class AnswerGrammar:
    """The answers of a format, with any labels or with those of a list, and with or without descriptions.

    Coordinates are integers 0..1000 without leading zeros, x1 < x2 and y1 < y2.
    """

    def __init__(
        self,
        answer_format: str,
        labels: Sequence[str] = (),
        *,
        descriptions: bool = False,
        candidates: int = 0,
    ) -> None:
        """Take one of ANSWER_FORMATS, and the labels that are allowed; () allows any.

        With `descriptions`, an object can have one. With so many `candidates`, an object can be named by the
        number of one, from 1, in place of its box or before it.

        Raises:
            ValueError: descriptions and candidates, which no answer has together.
        """
        if descriptions and candidates:
            raise ValueError("answers that name candidates have no descriptions")
        self.form = answer_form(answer_format)
        is_json = answer_format == "json"
        rule: LabelRule = ListedLabel(labels, is_json=is_json) if labels else FreeLabel(is_json=is_json)
        label = _Text(rule, rule.reserve(rule.start) if labels else LABEL_ROOM, 0)
        self._parts = _parts(self.form, label)
        if candidates:
            _add_candidates(self._parts, self.form, numbered_items(answer_format), label, candidates)
        if descriptions:
            _add_description(self._parts, self.form)
        self.start = self._enter(0, None)

    def step(self, state: State, symbol: int) -> State | None:
        """Return the state after one more symbol, None where no answer goes on with it."""
        number, inner, corner = state
        part = self._parts[number]
        if isinstance(part, _Fixed):
            if part.symbols[inner : inner + 1] != (symbol,):
                return None
            inner += 1
            return self._enter(part.then, corner) if inner == len(part.symbols) else (number, inner, corner)
        if isinstance(part, _Choice):
            for other in part.parts:
                if (after := self.step(self._enter(other, corner), symbol)) is not None:
                    return after
            return None
        if isinstance(part, _Text):
            after = part.rule.step(inner, symbol) if symbol < 256 else None
            if after is not None:
                return number, after, corner
            is_whole = part.rule.is_whole(inner)
            return self.step(self._enter(part.then, corner), symbol) if is_whole else None
        return self._step_number(part, state, symbol)

    def choices(self, state: State) -> Sequence[int] | None:
        """Return the symbols that can come next, () after the end; None in a free label or description."""
        number, inner, corner = state
        part = self._parts[number]
        if isinstance(part, _Fixed):
            return part.symbols[inner : inner + 1]
        if isinstance(part, _Choice):
            return [symbol for other in part.parts for symbol in self._first(other, corner)]
        if isinstance(part, _Text):
            listed = part.rule.choices(inner)
            if listed is None:
                return None
            return [*listed, *(self._first(part.then, corner) if part.rule.is_whole(inner) else ())]
        low, high = _bounds(part, corner)
        digits = [0x30 + digit for digit in range(10) if leads(longer(inner, digit), low, high)]
        is_whole = inner is not None and low <= inner <= high
        return [*digits, *(self._first(part.then, corner) if is_whole else ())]

    def forced(self, state: State) -> tuple[Symbols, State]:
        """Return the symbols that must come next, and the state after them."""
        symbols: list[int] = []
        while len(choices := self.choices(state) or ()) == 1:
            symbols += choices
            after = self.step(state, choices[0])
            assert after is not None
            state = after
        return tuple(symbols), state

    def reserve(self, state: State, count_tokens: Callable[[Symbols], int] = len) -> int:
        """Return how many tokens must be left to end the answer well, its end included.

        Numbers and labels of a list may take any of their values, a free label ends as soon as it can. Every
        symbol must be a token, too; `count_tokens` returns the fewest tokens of fixed symbols. While so many
        tokens are left, a token can be chosen after which enough are left again.
        """
        number, inner, corner = state
        part = self._parts[number]
        if part == _DONE:
            return 0
        if isinstance(part, _Fixed):
            return count_tokens(part.symbols[inner:]) + self._ahead(part.then, count_tokens)
        if isinstance(part, _Choice):
            return self._ahead(part.parts[0], count_tokens)
        if isinstance(part, _Text):
            return part.rule.reserve(inner) + self._ahead(part.then, count_tokens)
        low, high = _bounds(part, corner)
        digits = next(count for count in (4, 3, 2, 1, 0) if count == 0 or can_have(inner, count, low, high))
        return digits + self._ahead(part.then, count_tokens)

    def accepts(self, symbols: Sequence[int]) -> bool:
        """Tell whether the symbols are an answer, with its end or without."""
        state: State | None = self.start
        for symbol in symbols:
            state = None if state is None else self.step(state, symbol)
        if state is None:
            return False
        return self._parts[state[0]] == _DONE or self.step(state, END) is not None

    def like(self, state: State) -> State:
        """Return a state with all continuations of this one and maybe more, the same for many states."""
        number, inner, corner = state
        return state if corner is None or inner is not None else (number, None, (0,) * len(corner))

    def _enter(self, number: int, corner: Any) -> State:
        """Return the state at the beginning of a part."""
        part = self._parts[number]
        if isinstance(part, _Fixed):
            return number, 0, corner
        return number, part.rule.start if isinstance(part, _Text) else None, corner

    def _first(self, number: int, corner: Any) -> Sequence[int]:
        return self.choices(self._enter(number, corner)) or ()

    def _step_number(self, part: _Number, state: State, symbol: int) -> State | None:
        number, inner, corner = state
        low, high = _bounds(part, corner)
        if 0x30 <= symbol <= 0x39:
            value = longer(inner, symbol - 0x30)
            return (number, value, corner) if leads(value, low, high) else None
        if inner is None or not low <= inner <= high:
            return None
        after = ((inner,), (*(corner or (None,)), inner), (None, *(corner or ())[1:]), None, corner)[
            part.place
        ]
        return self.step(self._enter(part.then, after), symbol)

    def _ahead(self, number: int, count_tokens: Callable[[Symbols], int]) -> int:
        """Return the tokens that a part and all after it need, whatever the numbers before it are."""
        part = self._parts[number]
        if isinstance(part, _Choice):
            return self._ahead(part.parts[0], count_tokens)
        if part == _DONE:
            return 0
        if isinstance(part, _Fixed):
            own = count_tokens(part.symbols)
        elif isinstance(part, _Text):
            own = part.room
        else:
            own = len(str(GRID - 1 if part.place < 2 else part.most))
        return own + self._ahead(part.then, count_tokens)


_DONE = _Fixed((), -1)


def _parts(form: AnswerForm, label: _Text) -> list[_Part]:
    """Return the parts of an answer; each names the part after it, and the last one stays empty."""
    pieces: list[str | int | None] = [*form.pieces]
    first = 1 if form.opening else 0
    item = first + 1
    after = item + len(pieces)
    separator, closing, nothing, done = after + 1, after + 2, after + 3, after + 4
    parts: list[_Part] = [_Fixed(spell(form.opening), first)] if form.opening else []
    parts.append(_Choice((nothing, item)))
    parts += [_part(piece, label, then) for then, piece in enumerate(pieces, item + 1)]
    parts += [
        _Choice((closing, separator)),
        _Fixed(spell(form.separator), item),
        _Fixed((*spell(form.closing), END), done),
        _Fixed((*spell(form.nothing), END), done),
        _DONE,
    ]
    return parts


def _add_description(parts: list[_Part], form: AnswerForm) -> None:
    """Let the last piece of an object go on with a description: the parts for that come last."""
    tail = _Fixed(spell(form.tail), 0)
    place = next(
        n for n, part in enumerate(parts) if isinstance(part, _Fixed) and part.symbols == tail.symbols
    )
    last = parts[place]
    assert isinstance(last, _Fixed)
    rest = form.tail.removeprefix(form.undescribed)
    choice = len(parts)
    plain, before, text, behind = (choice + 1, choice + 2, choice + 3, choice + 4)
    parts[place] = _Fixed(spell(form.undescribed), choice)
    parts += [
        _Choice((plain if rest else last.then, before)),
        _Fixed(spell(rest), last.then),
        _Fixed(spell(form.before), text),
        _Text(DescriptionText(), LABEL_ROOM, behind),
        _Fixed(spell(form.behind), last.then),
    ]


def _add_candidates(
    parts: list[_Part], form: AnswerForm, numbered: Sequence[Pieces], label: _Text, most: int
) -> None:
    """Let an object be named by a candidate's number: the parts for that come last.

    What the three kinds of objects begin with in common is one part, as a choice is made symbol by symbol.
    """
    item = 2 if form.opening else 1
    after = item + len(form.pieces)
    spelled = [_spelled(pieces) for pieces in (*numbered, form.pieces)]
    whole = parts[item - 1]
    assert isinstance(whole, _Choice)
    begin = _add_tree(parts, spelled, label, after, most)
    parts[item - 1] = _Choice((whole.parts[0], begin))
    separator = parts[after + 1]
    assert isinstance(separator, _Fixed)
    parts[after + 1] = replace(separator, then=begin)


_Spelled = tuple[int | str | None, ...]
"""Symbols as numbers, places of numbers as texts, and the label (None)."""


def _spelled(pieces: Pieces) -> _Spelled:
    return tuple(
        symbol
        for piece in pieces
        for symbol in (spell(piece) if isinstance(piece, str) else (piece if piece is None else str(piece),))
    )


def _add_tree(parts: list[_Part], items: Sequence[_Spelled], label: _Text, then: int, most: int) -> int:
    """Add parts for one of several objects, which then goes on; return the number of their first part."""
    items = list(dict.fromkeys(items))
    if not any(items):
        return then
    firsts = list(dict.fromkeys(item[0] if item else None for item in items if item))
    if len(firsts) > 1 or not all(items):
        groups = [[item for item in items if item and item[0] == first] for first in firsts]
        ends = [then] if not all(items) else []
        choice = _Choice((*ends, *(_add_tree(parts, group, label, then, most) for group in groups)))
        parts.append(choice)
        return len(parts) - 1
    first = firsts[0]
    if isinstance(first, int):
        length = len(_shared_symbols(items))
        rest = _add_tree(parts, [item[length:] for item in items], label, then, most)
        parts.append(_Fixed(_shared_symbols(items), rest))
    else:
        rest = _add_tree(parts, [item[1:] for item in items], label, then, most)
        if first is None:
            parts.append(replace(label, then=rest))
        else:
            place = int(first)
            parts.append(_Number(place, rest, most if place == CANDIDATE else GRID))
    return len(parts) - 1


def _shared_symbols(items: Sequence[_Spelled]) -> Symbols:
    """Return the symbols that all objects begin with."""
    shared = []
    for column in zip(*items, strict=False):
        if len(set(column)) > 1 or not isinstance(column[0], int):
            break
        shared.append(column[0])
    return tuple(shared)


def _part(piece: str | int | None, label: _Text, then: int) -> _Part:
    if piece is None:
        return replace(label, then=then)
    return _Fixed(spell(piece), then) if isinstance(piece, str) else _Number(piece, then)


def _bounds(part: _Number, corner: Any) -> tuple[int, int]:
    """Return the least and the largest value of a number."""
    if part.place == CANDIDATE:
        return 1, part.most
    return (0, GRID - 1) if part.place < 2 else (corner[part.place - 2] + 1, GRID)
