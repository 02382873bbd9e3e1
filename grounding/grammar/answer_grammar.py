"""Which texts are answers of a format, symbol by symbol: what the writer writes, and the reader reads.

Tried for this: llguidance 1.9.1. (xgrammar pulls torch in; outlines-core's automaton would hold every pair of
corners.) One regular expression of 2,000 alternatives tells it which boxes have an area; its masks are fast,
and it forces tokens as the tokenizer segments them. But it does not tell how many tokens an answer needs to
end, so that an answer near `max_new_tokens` would still be cut. With the states below, that is a sum.
"""

from collections.abc import Callable, Sequence
from typing import Any

from grounding.boxes import GRID
from grounding.grammar.answer_form import CANDIDATE
from grounding.grammar.answer_parts import (
    DONE,
    ChoicePart,
    FixedPart,
    NumberPart,
    RulePart,
    answer_parts,
)
from grounding.grammar.digits import can_have, leads, longer
from grounding.grammar.free_labels import FreeLabel
from grounding.grammar.label_rule import LABEL_ROOM, LabelRule
from grounding.grammar.listed_labels import ListedLabel
from grounding.grammar.symbols import END, Symbols

State = tuple[int, Any, Any]
"""The number of a part, the place within it, and the corner x1, y1 as far as a later number depends on it."""


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
        pictures: int = 1,
        candidates: int = 0,
    ) -> None:
        """Take one of ANSWER_FORMATS, and the labels that are allowed; () allows any.

        With `descriptions`, an object can have one. Answers about several `pictures` name those. With so many
        `candidates`, an object can be named by the number of one, from 1, in place of its box or before it.

        Raises:
            ValueError: candidates, and descriptions or several pictures, which no answer has together.
        """
        if candidates and (descriptions or pictures > 1):
            raise ValueError("answers that name candidates are about one picture, and have no descriptions")
        is_json = answer_format == "json"
        rule: LabelRule = ListedLabel(labels, is_json=is_json) if labels else FreeLabel(is_json=is_json)
        room = rule.reserve(rule.start) if labels else LABEL_ROOM
        self._parts, first = answer_parts(answer_format, rule, room, descriptions, pictures, candidates)
        self.start = self._enter(first, None)

    def step(self, state: State, symbol: int) -> State | None:
        """Return the state after one more symbol, None where no answer goes on with it."""
        number, inner, corner = state
        part = self._parts[number]
        if isinstance(part, FixedPart):
            if part.symbols[inner : inner + 1] != (symbol,):
                return None
            inner += 1
            return self._enter(part.then, corner) if inner == len(part.symbols) else (number, inner, corner)
        if isinstance(part, ChoicePart):
            for other in part.parts:
                if (after := self.step(self._enter(other, corner), symbol)) is not None:
                    return after
            return None
        if isinstance(part, RulePart):
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
        if isinstance(part, FixedPart):
            return part.symbols[inner : inner + 1]
        if isinstance(part, ChoicePart):
            return [symbol for other in part.parts for symbol in self._first(other, corner)]
        if isinstance(part, RulePart):
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
        if part == DONE:
            return 0
        if isinstance(part, FixedPart):
            return count_tokens(part.symbols[inner:]) + self._ahead(part.then, count_tokens)
        if isinstance(part, ChoicePart):
            return self._ahead(part.parts[0], count_tokens)
        if isinstance(part, RulePart):
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
        return self._parts[state[0]] == DONE or self.step(state, END) is not None

    def like(self, state: State) -> State:
        """Return a state with all continuations of this one and maybe more, the same for many states."""
        number, inner, corner = state
        return state if corner is None or inner is not None else (number, None, (0,) * len(corner))

    def _enter(self, number: int, corner: Any) -> State:
        """Return the state at the beginning of a part."""
        part = self._parts[number]
        if isinstance(part, FixedPart):
            return number, 0, corner
        return number, part.rule.start if isinstance(part, RulePart) else None, corner

    def _first(self, number: int, corner: Any) -> Sequence[int]:
        return self.choices(self._enter(number, corner)) or ()

    def _step_number(self, part: NumberPart, state: State, symbol: int) -> State | None:
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
        if isinstance(part, ChoicePart):
            return self._ahead(part.parts[0], count_tokens)
        if part == DONE:
            return 0
        if isinstance(part, FixedPart):
            own = count_tokens(part.symbols)
        elif isinstance(part, RulePart):
            own = part.room
        else:
            own = len(str(GRID - 1 if part.place < 2 else part.most))
        return own + self._ahead(part.then, count_tokens)


def _bounds(part: NumberPart, corner: Any) -> tuple[int, int]:
    """Return the least and the largest value of a number."""
    if part.place == CANDIDATE:
        return 1, part.most
    return (0, GRID - 1) if part.place < 2 else (corner[part.place - 2] + 1, GRID)
