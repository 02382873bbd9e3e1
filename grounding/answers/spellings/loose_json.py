"""JSON as language models write it: in prose, with single quotes, comments or trailing commas, or cut off."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from grounding.answers.spellings.plain_characters import Piece
from grounding.answers.spellings.strings import STRING, is_cut_string
from grounding.markup import BOX_END, BOX_START, REF_END, REF_START
from grounding.samples import Span

NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
SHARE = rf"{NUMBER}(?:\s?%)?"
"""A number, or a share of the image in percent."""

MAX_DEPTH = 20
"""Deeper lists and objects start a new root: no meaningful answer has so many levels."""

_BOX = rf"(?P<box>\[\s*{NUMBER}(?:\s*,\s*{NUMBER}){{3}}\s*\])"
"""Four numbers in brackets are one token, for speed: long answers consist of them."""

_ROUND = rf"(?P<round>\(\s*{SHARE}(?:\s*,\s*{SHARE}){{3}}\s*\))"
_ONE_POINT = rf"\(\s*{SHARE}\s*,\s*{SHARE}\s*\)"
_POINTS = rf"(?P<points>(?:{re.escape(BOX_START)})?{_ONE_POINT}\s*,\s*{_ONE_POINT}(?:{re.escape(BOX_END)})?)"
_REF = rf"(?P<ref>{re.escape(REF_START)}[^<]{{0,500}}{re.escape(REF_END)})"

_NAME_IN_TOKENS = re.compile(rf"{re.escape(REF_START)}[^<]{{0,500}}{re.escape(REF_END)}")
"""A string that is a name in its tokens."""

_ABYSS = rf"(?P<abyss>[\[{{](?:\s*[\[{{]){{{MAX_DEPTH},}})"
"""More openings in a row than there can be levels are one token: a model can repeat one without end."""

_WORD = r"(?P<word>[^\W\d]\w*(?:[ -][\w'-]{1,40}){1,7}(?=\s{0,9}[,}\]])|[^\W\d]\w*)"

_TOKEN = re.compile(
    rf"{STRING}|{_BOX}|{_POINTS}|{_ROUND}|{_REF}|(?P<number>{SHARE})|{_ABYSS}"
    rf"|(?P<comment>//|/\*|#(?=\s))|(?P<mark>[{{}}\[\],])|{_WORD}",
    re.DOTALL,
)
_OPENING = re.compile(
    # A string with JSON in it can be the whole answer.
    rf"{_BOX}|{_ROUND}|{_ABYSS}|(?P<mark>[\[{{])"
    r'|(?P<string>"(?=(?:[\\]{1,9}"|\s){0,9}[\[{]\s{0,9}[\[{]?\s{0,9}\\)[^"\\]*(?:\\.[^"\\]*)*(?P<end>"|\\?\Z)'
    r"(?P<single_end>(?!))?)",
    re.DOTALL,
)
_FORGOTTEN_QUOTE = re.compile(r"""(["'][^"'\\{}\[\],:]{1,200}?)[\s`]*[}\]][\s`}\]]*""")
"""A string without its closing quote at the end of a text that is complete otherwise."""

_ONE_NUMBER = re.compile(rf"(?<![\w.])({NUMBER})(\s?%)?")
_LINE_END = re.compile(r"[\n{}\[\]]")
_CLOSERS = {"[": "]", "{": "}"}


class LooseText(str):
    """A string or word, its span in the text without the quotes, and its plain characters there."""

    __slots__ = ("plain", "span")
    plain: str
    span: Span


class LooseNumber(float):
    """A number, its span in the text with the percent sign, and whether it has one."""

    __slots__ = ("is_percent", "span")
    is_percent: bool
    span: Span


class LooseList(list[Any]):
    """A list, and its span in the text with the brackets."""

    __slots__ = ("span",)
    span: Span


class LooseObject(dict[str, Any]):
    """An object, and its span in the text with the braces."""

    __slots__ = ("span",)
    span: Span


class _Open:
    """A list or an object whose end has not been read yet."""

    __slots__ = ("closer", "key", "start", "value")

    def __init__(self, opener: str, start: int) -> None:
        self.closer = _CLOSERS[opener]
        self.start = start
        self.value: LooseList | LooseObject = LooseList() if opener == "[" else LooseObject()
        self.key: str | None = None

    def put(self, value: Any) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.key is None:
            self.key = value if isinstance(value, str) else ""
        else:
            self.value[self.key] = value
            self.key = None

    @property
    def is_cut_off_list(self) -> bool:
        """Whether this is a list of numbers or words: its last item may be only a part of one."""
        return isinstance(self.value, list) and not {LooseList, LooseObject} & set(map(type, self.value))


class _Values:
    """The complete values at the top level (`roots`), and what is still open, outermost first."""

    def __init__(self, piece: Piece) -> None:
        self.piece = piece
        self.roots: list[Any] = []
        self.stack: list[_Open] = []
        self.last_line_end = piece.plain.rfind("\n")
        self.last_comment_end = piece.plain.rfind("*/")

    def put(self, value: Any) -> None:
        self.stack[-1].put(value) if self.stack else self.roots.append(value)

    def put_text(self, start: int, end: int) -> None:
        """Put a string with these bounds in the piece."""
        if self.piece.level:
            end = start + len(self.piece.plain[start:end].rstrip())
        if _NAME_IN_TOKENS.fullmatch(self.piece.plain, start, end):
            start, end = start + len(REF_START), end - len(REF_END)
        span = self.piece.offset + start, self.piece.offset + end
        self.put(located(self.piece.label(start, end, times=1), span, self.piece.plain[start:end]))

    def put_numbers(self, start: int, end: int) -> None:
        """Put a list of all numbers between these bounds in the piece."""
        numbers = LooseList(read_floats(self.piece, start, end))
        numbers.span = self.piece.offset + start, self.piece.offset + end
        self.put(numbers)

    def open(self, opener: str, start: int) -> None:
        self.stack.append(_Open(opener, start))

    def close(self, end: int) -> None:
        closed = self.stack.pop()
        closed.value.span = self.piece.offset + closed.start, self.piece.offset + end
        self.put(closed.value)

    @property
    def expects_first_value(self) -> bool:
        """Whether the next string is the whole answer, or the first value of an object."""
        return not self.stack or (self.stack[-1].key is not None and not self.stack[-1].value)

    def close_all(self, end: int) -> None:
        """Close everything; lists whose last item may be cut off are dropped."""
        while self.stack:
            if self.stack[-1].is_cut_off_list:
                self.stack.pop()
            else:
                self.close(end)

    def end_of_comment(self, token: str, end: int) -> int:
        """Return where a comment ends: on a last line, and in text of one line, it holds no brackets."""
        if token == "/*":
            return self.piece.plain.index("*/", end) + 2 if end <= self.last_comment_end else end
        if end <= self.last_line_end:
            return self.piece.plain.index("\n", end)
        found = _LINE_END.search(self.piece.plain, end)
        return found.start() if found else len(self.piece.plain)


def parse_loose_json(piece: Piece) -> tuple[list[Any], bool]:
    """Return the JSON lists and objects in a piece of text, and whether the last one was cut off.

    Prose around them is skipped, and quotes in it mean nothing. Numbers become floats, words without quotes
    strings; strings are `LooseText`, lists `LooseList`, objects `LooseObject`. Boxes in round brackets and in
    grounding tokens are lists of four numbers. If the end is cut off, everything complete is kept.
    Never raises; the time is linear in the length of the text.
    """
    values = _Values(piece)
    position = 0
    while match := (_TOKEN if values.stack else _OPENING).search(piece.plain, position):
        position = match.end()
        if match.lastgroup == "string" and is_cut_string(match):
            # The rest of the text is in the string. An answer in a string can be read all the same.
            if forgotten := _FORGOTTEN_QUOTE.fullmatch(match.group()):
                position = match.start() + forgotten.end(1)
                values.put_text(match.start() + 1, position)
                continue
            if values.expects_first_value:
                values.put_text(match.start() + 1, position)
            values.close_all(position)
            return values.roots, True
        if match.lastgroup == "comment":
            position = values.end_of_comment(match.group(), position)
        else:
            _take(match, values)
    is_cut_off = any(map(_holds_something, values.stack))
    values.close_all(position)
    return values.roots, is_cut_off


def _holds_something(open_value: _Open) -> bool:
    """Tell whether an open bracket may be more than prose: words in brackets are prose."""
    is_prose = isinstance(open_value.value, list) and set(map(type, open_value.value)) == {LooseText}
    return not is_prose


def _take(match: re.Match[str], values: _Values) -> None:
    """Add one token to the values."""
    kind, token, start, end = match.lastgroup, match.group(), match.start(), match.end()
    if kind == "box" and not values.piece.level:
        box = LooseList(map(float, token[1:-1].split(",")))
        box.span = values.piece.offset + start, values.piece.offset + end
        values.put(box)
    elif kind in _TAKERS:
        _TAKERS[kind](values, start, end)
    elif kind == "abyss" or token in _CLOSERS:
        if kind == "abyss" or len(values.stack) == MAX_DEPTH:
            values.close_all(end)
        values.open(token[-1], end - 1)
    elif token == ",":
        values.stack[-1].key = None
    else:
        if values.stack[-1].closer != token and len(values.stack) > 1 and values.stack[-2].closer == token:
            values.close(end)  # the closing of the inner one was forgotten
        values.close(end)


def _take_number(values: _Values, start: int, end: int) -> None:
    token = values.piece.plain[start:end]
    if isinstance(values.stack[-1].value, list) and token[-1] != "%" and not values.piece.level:
        values.put(float(token))  # faster, and enough where numbers stand in their order
        return
    number = LooseNumber(token.rstrip(" %\n\t"))
    number.is_percent = token[-1] == "%"
    number.span = values.piece.offset + start, values.piece.offset + end
    values.put(number)


_TAKERS: dict[str | None, Callable[[_Values, int, int], None]] = {
    "number": _take_number,
    "box": _Values.put_numbers,
    "points": _Values.put_numbers,
    "round": _Values.put_numbers,
    "string": lambda values, start, end: values.put_text(start + 1, end - 1),
    "ref": lambda values, start, end: values.put_text(start + len(REF_START), end - len(REF_END)),
    "word": lambda values, start, end: values.put(
        located(values.piece.label(start, end), (values.piece.offset + start, values.piece.offset + end))
    ),
}


def read_shares(text: str, offset: int = 0) -> Iterator[LooseNumber]:
    """Yield the numbers in a text, which stands at this place of the answer."""
    for match in _ONE_NUMBER.finditer(text):
        number = LooseNumber(match[1])
        number.is_percent = match[2] is not None
        number.span = offset + match.start(), offset + match.end()
        yield number


def read_floats(piece: Piece, start: int, end: int) -> list[float]:
    """Return the numbers in a part of a piece: plain floats, which are faster, where that is all of them."""
    text = piece.plain[start:end]
    if piece.level or "%" in text:
        return list(read_shares(text, piece.offset + start))
    return [float(match[1]) for match in _ONE_NUMBER.finditer(text)]


def located(value: str, span: Span, plain: str | None = None) -> LooseText:
    """Return a string with its span, and its plain characters where they differ."""
    text = LooseText(value)
    text.span, text.plain = span, value if plain is None else plain
    return text
