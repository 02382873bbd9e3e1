"""The recipe that an inspection writes: YAML with what was found as comments."""

import json
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from grounding.errors import printable

WIDTH = 116

EXPRESSION_KEYS = {"answer_format": "json", "prompt": "qwen_expression"}
"""Keys of the kinds whose questions are about one expression."""


def as_words(keys: Mapping[str, Any]) -> list[str]:
    """Return dotted keys as `key=value` words of a command line."""
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]


def recipe_text(folder: str, recipe: str, keys: Mapping[str, Any], findings: Iterable[str]) -> str:
    """Return a recipe with these dotted keys, and the findings in its comments."""
    comments = [f"{folder}, as python -m prepare.inspect found it.", "", f"  python -m prepare {recipe}", ""]
    for text in findings:
        comments += [
            line
            for part in printable(text, keep="\n").splitlines()
            for line in textwrap.wrap(part, WIDTH, subsequent_indent="  ", drop_whitespace=True) or [""]
        ]
    head = "\n".join(f"# {line}".rstrip() for line in comments)
    body = yaml.safe_dump(nested(keys), sort_keys=False, allow_unicode=True, width=WIDTH)
    return f"{head}\n\n{body}"


def nested(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted keys as mappings of mappings."""
    found: dict[str, Any] = {}
    for key, value in keys.items():
        *parents, last = key.split(".")
        place = found
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return found
