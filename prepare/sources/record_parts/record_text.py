"""What a record's messages hold: placeholders for objects, and answers in JSON."""

import re
from collections.abc import Sequence
from typing import Any

from grounding.files import DeepJsonError, parse_json
from grounding.markup import BOX_PLACEHOLDER, BOX_START, REF_PLACEHOLDER
from prepare.reasons import RECORD_UNREADABLE, UnusableQueryError

_PLACEHOLDER = re.compile(f"{REF_PLACEHOLDER}|{BOX_PLACEHOLDER}")
_FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)

ROW_KEYS = ("bbox_2d", "bbox", "box")
"""The keys of a box in plain JSON answers, which are written anew; the scanner of answers knows more."""


def find_placeholders(text: str) -> list[str]:
    """Return the placeholders of a message in their order."""
    return _PLACEHOLDER.findall(text)


def json_objects(text: str) -> list[dict[str, Any]]:
    """Return the objects of a plain JSON answer, fenced or not, each with a box of plain values.

    None for every other text: `text_boxes` finds the boxes in it.

    Raises:
        UnusableQueryError: the answer is nested too deeply.
    """
    if BOX_START in text:
        return []
    fenced = _FENCE.match(text)
    try:
        content = parse_json(fenced[1] if fenced else text)
    except DeepJsonError as error:
        raise UnusableQueryError(RECORD_UNREADABLE) from error
    except ValueError:
        return []
    items = content if isinstance(content, list) else [content]
    return items if all(map(_is_row, items)) else []


def _is_row(item: Any) -> bool:
    box = item.get(first_key(item, ROW_KEYS)) if isinstance(item, dict) else None
    return isinstance(box, list) and not any(isinstance(value, (list, dict)) for value in box)


def first_key(item: dict[str, Any], keys: Sequence[str]) -> str:
    """Return the first of the keys that an object has, "" if it has none."""
    return next((key for key in keys if key in item), "")
