"""What a record's messages hold: placeholders for objects, and answers in JSON."""

import re
from collections.abc import Sequence
from typing import Any

from grounding.answers.forms import BOX_KEYS
from grounding.files import DeepJsonError, parse_json
from grounding.markup import BOX_PLACEHOLDER, BOX_START, REF_PLACEHOLDER
from prepare.reasons import RECORD_UNREADABLE, UnusableQueryError

_PLACEHOLDER = re.compile(f"{REF_PLACEHOLDER}|{BOX_PLACEHOLDER}")
_FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)


def find_placeholders(text: str) -> list[str]:
    """Return the placeholders of a message in their order."""
    return _PLACEHOLDER.findall(text)


def json_objects(text: str) -> list[dict[str, Any]]:
    """Return the objects with a box in a JSON answer, fenced or not; none for plain prose.

    Raises:
        UnusableQueryError: the answer has boxes, but is cut, has special tokens, or mixes in other items.
    """
    if BOX_START in text:
        raise UnusableQueryError(RECORD_UNREADABLE)
    fenced = _FENCE.match(text)
    try:
        content = parse_json(fenced[1] if fenced else text)
    except DeepJsonError as error:
        raise UnusableQueryError(RECORD_UNREADABLE) from error
    except ValueError as error:
        if any(f'"{key}"' in text for key in BOX_KEYS):
            raise UnusableQueryError(RECORD_UNREADABLE) from error
        return []
    items = content if isinstance(content, list) else [content]
    found = [item for item in items if isinstance(item, dict) and first_key(item, BOX_KEYS)]
    if found and len(found) != len(items):
        raise UnusableQueryError(RECORD_UNREADABLE)
    return found


def first_key(item: dict[str, Any], keys: Sequence[str]) -> str:
    """Return the first of the keys that an object has, "" if it has none."""
    return next((key for key in keys if key in item), "")
