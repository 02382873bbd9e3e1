"""The grammar of answers in the forms that servers take: EBNF, and a JSON schema.

They hold the same answers as `AnswerGrammar`, except that they do not compare the corners of a box: x2 can be
less than x1. The schema also leaves blanks to the server, and labels without a list to JSON's rules.
Source of the EBNF: GBNF as XGrammar reads it, which vLLM, SGLang and FastDeploy take.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from grounding.answers.candidate_numbers import NUMBER_KEY
from grounding.answers.descriptions import ESCAPED
from grounding.answers.forms import DESCRIPTION_KEYS, PICTURE_KEY
from grounding.answers.spellings.plain_characters import in_plain_characters
from grounding.boxes import GRID
from grounding.grammar.answer_form import (
    CANDIDATE,
    AnswerForm,
    PictureForm,
    Pieces,
    answer_form,
    numbered_items,
    picture_form,
)
from grounding.grammar.description_text import FIRST_DIGITS, OTHER_DIGITS, SHORT_ESCAPES
from grounding.grammar.free_labels import CharacterState, FreeLabel

_ORDINARY = "é"
"""A character without a meaning of its own."""

_NUMBERS = """\
low ::= [0-9] | [1-9] [0-9] | [1-9] [0-9] [0-9]
high ::= [1-9] | [1-9] [0-9] | [1-9] [0-9] [0-9] | "1000"
"""


@lru_cache(maxsize=8)
def grammar_ebnf(
    answer_format: str,
    labels: tuple[str, ...] = (),
    *,
    descriptions: bool = False,
    pictures: int = 1,
    candidates: int = 0,
) -> str:
    """Return the answers of a format as EBNF, with any labels or those of a list, and maybe descriptions.

    Answers about several `pictures` name that of each object. With so many `candidates`, an object can be
    named by the number of one.
    """
    form, is_json = answer_form(answer_format), answer_format == "json"
    pieces = _rules_of(form.pieces if pictures == 1 else picture_form(answer_format).pieces)
    described = ""
    if descriptions:
        pieces[-1:] = [_literal(form.undescribed), "ending"]
        described = "".join(_description(form))
    items = [_sequence(pieces)]
    if candidates:
        items += [_sequence(_rules_of(one)) for one in numbered_items(answer_format)]
        described += f"number ::= {' | '.join(_literal(str(n)) for n in range(1, candidates + 1))}\n"
    opening, closing = _literal(form.opening), _literal(form.closing)
    if pictures == 1:
        several = _sequence((opening, f"item ({_literal(form.separator)} item)*", closing))
        of_pictures = ""
    else:
        several = _sequence((opening, _literal(picture_form(answer_format).before), "pictures-1", closing))
        of_pictures = "".join(_pictures(picture_form(answer_format), pictures))
    if labels:
        spelled = (json.dumps(name, ensure_ascii=False)[1:-1] if is_json else name for name in labels)
        label = f"label ::= {' | '.join(map(_literal, spelled))}\n"
    else:
        label = "".join(_free_label(is_json=is_json))
    root = f"root ::= {_sequence((opening, _literal(form.nothing)))} | {several}\n"
    return f"{root}{of_pictures}item ::= {' | '.join(items)}\n" + _NUMBERS + label + described


_RULES: Mapping[str | int | None, str] = {
    **{None: "label", 0: "low", 1: "low", 2: "high", 3: "high"},
    CANDIDATE: "number",
}
"""The rule of each piece of an object that is no fixed text."""


def _rules_of(pieces: Pieces) -> list[str]:
    return [_RULES[piece] if piece in _RULES else _literal(str(piece)) for piece in pieces]


def _pictures(form: PictureForm, count: int) -> Iterator[str]:
    """Yield the rules of the objects from each picture on, in the order of the pictures."""
    items = "item" if form.same is None else f"item ({_literal(form.same)} item)*"
    for number in range(1, count + 1):
        own = f"{_literal(f'{number}{form.after}')} {items} more-{number}"
        yield f"pictures-{number} ::= {own}{'' if number == count else f' | pictures-{number + 1}'}\n"
        following = number if form.same is None else number + 1
        more = (
            f" | {_literal(form.following + form.before)} pictures-{following}" if following <= count else ""
        )
        yield f'more-{number} ::= ""{more}\n'


def _sequence(parts: Iterable[str]) -> str:
    """Return parts one after the other, without empty ones."""
    return " ".join(part for part in parts if part != '""')


def grammar_schema(
    labels: Sequence[str] = (), *, descriptions: bool = False, pictures: int = 1, candidates: int = 0
) -> dict[str, Any]:
    """Return the answers in JSON as a JSON schema, with any labels or those of a list.

    Answers about several `pictures` name that of each object; the schema leaves their order open. With so
    many `candidates`, an object can be named by the number of one.
    """
    number = {"type": "integer", "minimum": 0, "maximum": GRID}
    label = {"type": "string", "enum": list(labels)} if labels else {"type": "string"}
    box = {"type": "array", "items": number, "minItems": 4, "maxItems": 4}
    picture = {"type": "integer", "minimum": 1, "maximum": pictures}
    needed = {**({PICTURE_KEY: picture} if pictures > 1 else {}), "bbox_2d": box, "label": label}
    more = {DESCRIPTION_KEYS[0]: {"type": "string", "minLength": 1}} if descriptions else {}
    if not candidates:
        return {"type": "array", "items": _object_schema(needed, more)}
    one = {NUMBER_KEY: {"type": "integer", "minimum": 1, "maximum": candidates}}
    kinds = (one | {"label": label}, one | needed, needed)
    return {"type": "array", "items": {"anyOf": [_object_schema(kind, {}) for kind in kinds]}}


def _object_schema(needed: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**needed, **more},
        "required": list(needed),
        "additionalProperties": False,
    }


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _description(form: AnswerForm) -> Iterator[str]:
    """Yield the rules of an object's end, with a description as `DescriptionText` has it or without one."""
    rest = _literal(form.tail.removeprefix(form.undescribed))
    yield f"ending ::= {rest} | {_literal(form.before)} description {_literal(form.behind)}\n"
    yield "description ::= character more\n"
    yield 'more ::= "" | character more\n'
    plain = _character_class({*map(chr, range(0x20)), '"', "\\", *ESCAPED}, is_negated=True)
    yield f"character ::= {plain} | {_literal(chr(0x5C))} escape\n"
    first, other = _character_class(FIRST_DIGITS), _character_class(OTHER_DIGITS)
    yield f'escape ::= {_character_class(SHORT_ESCAPES)} | "u" {first} {other} {other} {other}\n'


def _free_label(*, is_json: bool) -> Iterator[str]:
    """Yield the rules of a free label: one for each state between two characters."""
    rule = FreeLabel(is_json=is_json)
    special = _special_characters()
    names = {CharacterState(): "label"}
    waiting = [CharacterState()]
    while waiting:
        state = waiting.pop()
        targets: dict[CharacterState | None, list[str]] = {}
        for character in special:
            targets.setdefault(rule.after(state, character), []).append(character)
        usual = rule.after(state, _ORDINARY)
        choices = ['""'] if state.last == "text" else []
        for target, characters in sorted(targets.items(), key=lambda pair: pair[0] or ()):
            if target is None:
                continue
            if target not in names:
                names[target] = f"label-{len(names)}"
                waiting.append(target)
            escaped = [each for each in characters if is_json and each in '"\\']
            plain = [each for each in characters if each not in escaped]
            choices += [f"{_literal(json.dumps(each)[1:-1])} {names[target]}" for each in escaped]
            if target != usual and plain:
                choices.append(f"{_character_class(plain)} {names[target]}")
        if usual is not None:
            others = {each for each in special if rule.after(state, each) != usual}
            others |= set('"\\') if is_json else set()
            choices.append(f"{_character_class(others, is_negated=True)} {names[usual]}")
        yield f"{names[state]} ::= {' | '.join(choices)}\n"


@lru_cache(maxsize=1)
def _special_characters() -> tuple[str, ...]:
    """Return the characters that can have a meaning for a label's rules."""
    every = (chr(point) for point in range(0x10000) if not 0xD800 <= point < 0xE000)
    return tuple(
        each
        for each in every
        if each < "\x80" or each.isspace() or each in "“”◁" or in_plain_characters(each) != each
    )


def _character_class(characters: Iterable[str], *, is_negated: bool = False) -> str:
    """Return a class of characters, neighbours as ranges.

    Those that are written as numbers come last, as a digit behind one could be taken for a part of it.
    """
    ranges: list[list[int]] = []
    for point in sorted(map(ord, characters), key=lambda point: (_is_numbered(point), point)):
        if ranges and ranges[-1][1] == point - 1 and (point < 0x20 or not _is_numbered(point)):
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    spelled = ("-".join(dict.fromkeys(map(_escaped, pair))) for pair in ranges)
    return f"[{'^' if is_negated else ''}{''.join(spelled)}]"


def _is_numbered(point: int) -> bool:
    return point < 0x20 or point == 0x7F or chr(point) in "-^"


def _escaped(point: int) -> str:
    if _is_numbered(point):
        return f"\\x{point:02x}"
    return f"\\{chr(point)}" if chr(point) in "\\]" else chr(point)


def request_fields(
    field: str,
    answer_format: str,
    labels: tuple[str, ...],
    *,
    descriptions: bool = False,
    pictures: int = 1,
    candidates: int = 0,
) -> Mapping[str, Any]:
    """Return the fields of a request that give a server the grammar of answers to such questions.

    Sources: vLLM 0.12, "Structured Outputs"; SGLang, "Structured Outputs"; FastDeploy 2,
    "Structured Outputs"; OpenAI's reference of chat completions.
    """
    if field == "response_format":
        form = grammar_schema(labels, descriptions=descriptions, pictures=pictures, candidates=candidates)
        # Strict schemas require every key, and a description may be left out.
        schema = {"name": "answer", "strict": not descriptions, "schema": form}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    grammar = grammar_ebnf(
        answer_format, labels, descriptions=descriptions, pictures=pictures, candidates=candidates
    )
    if field == "vllm":
        return {"structured_outputs": {"grammar": grammar}}
    return {"ebnf" if field == "sglang" else "guided_grammar": grammar}
