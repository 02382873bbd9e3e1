"""The digits of boxes in the text that a record teaches: which labels they are, and what they stand for.

A box is learned in grounding tokens, `<|box_start|>(17,40),(250,999)<|box_end|>`, or in JSON, under one of
the keys of a box. Labels, descriptions and other text have digits that are no coordinates.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from grounding.answers.forms import BOX_KEYS
from grounding.boxes import GRID
from grounding.errors import UserError
from grounding.markup import BOX_END, BOX_START
from grounding.samples import Span
from train.objectives.coordinates.distance_targets import DIGITS, NO_DIGIT, digit_code

NOT_LEARNED = -100
"""PaddleFormers' label of a token that is not learned."""

_TOKEN_BOX = re.compile(
    rf"{re.escape(BOX_START)}\(([0-9]+),([0-9]+)\),\(([0-9]+),([0-9]+)\){re.escape(BOX_END)}"
)
_NUMBER = r"\s*([0-9]+)\s*"
_JSON_STRING = re.compile(
    # A whole string, so that nothing inside of one is taken for a key; the box behind it if it is a key.
    rf'("(?:[^"\\]|\\.)*+")(?:\s*:\s*\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\])?',
    re.DOTALL,
)
_JSON_START = re.compile(r"\s*(?:```(?:json)?\s*)?[\[{]")
_DIGIT = re.compile(r"[0-9]")


def digit_token_ids(tokenizer: Any) -> list[int]:
    """Return the ids of the tokens "0" to "9".

    Raises:
        UserError: a number's digits are not one token each.
    """
    probe = f"{BOX_START}(1234567890,17){BOX_END}"
    ids = [tokenizer.convert_tokens_to_ids(str(digit)) for digit in range(DIGITS)]
    wanted = [ids[int(digit)] for digit in _DIGIT.findall(probe)]
    known = set(ids)
    found = [token for token in tokenizer(probe)["input_ids"] if token in known]
    if None in known or len(known) < DIGITS or found != wanted:
        raise UserError("the tokenizer does not make one token of each digit of a number")
    return ids


def coordinate_codes(labels: Sequence[int], tokenizer: Any, digit_ids: Sequence[int]) -> list[int]:
    """Return the code (`digit_code`) of each label that is a digit of a box, NO_DIGIT for all others.

    `labels` are those of one record, NOT_LEARNED where nothing is learned.

    Raises:
        ValueError: the digits of a text are not tokens of their own.
    """
    codes, known, start = [NO_DIGIT] * len(labels), frozenset(digit_ids), 0
    for is_learned, run in groupby(labels, lambda label: label != NOT_LEARNED):
        ids = list(run)
        if is_learned and not known.isdisjoint(ids):
            text = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
            places = [place for place, token in enumerate(ids) if token in known]
            characters = [found.start() for found in _DIGIT.finditer(text)]
            if len(places) != len(characters):
                raise ValueError(f"{len(characters)} digits are {len(places)} tokens in '{text[:200]}'")
            token_at = dict(zip(characters, places, strict=True))
            for first, end in coordinate_spans(text):
                number = int(text[first:end])
                for place in range(end - first):
                    codes[start + token_at[first + place]] = digit_code(number, place)
        start += len(ids)
    return codes


def coordinate_spans(text: str) -> Iterator[Span]:
    """Yield the places of the numbers of all boxes in a text that is learned, in their order.

    Boxes with a number that is not a whole one of the grid are left out.
    """
    found: Iterator[list[Span]]
    if BOX_START in text:
        found = ([match.span(group) for group in range(1, 5)] for match in _TOKEN_BOX.finditer(text))
    elif _JSON_START.match(text):
        found = _json_boxes(text)
    else:
        return
    for box in found:
        if all(_is_on_grid(text[first:end]) for first, end in box):
            yield from box


def _json_boxes(text: str) -> Iterator[list[Span]]:
    for match in _JSON_STRING.finditer(text):
        if match[2] is not None and _plain_string(match[1]) in BOX_KEYS:
            yield [match.span(group) for group in range(2, 6)]


def _plain_string(text: str) -> str:
    return str(json.loads(text)) if "\\" in text else text[1:-1]


def _is_on_grid(text: str) -> bool:
    return len(text) <= len(str(GRID)) and str(int(text)) == text and int(text) <= GRID
