"""Relations in words, as relation_phrases.yaml has them."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from grounding.prompts import LANGUAGES
from prepare.questions.relations.relation_types import ATTRIBUTE, Relation

PHRASES_FILE = Path(__file__).with_name("relation_phrases.yaml")

_ADJECTIVE = re.compile(r"[^\W\d_]+(?:[ -][^\W\d_]+)?")
_PROPERTY = re.compile(r"[^\W_](?:[\w .,/%-]{0,38}\w)?")
_SWITCHES = frozenset({"true", "false", "yes", "no", "none", "null", "unknown", "n/a", "是", "否", "无"})
"""Values that say nothing in a phrase: `the car whose occluded is false`."""


def phrase_of(relation: Relation, language: str) -> str:
    """Return a relation as a phrase in a language of `grounding.prompts.LANGUAGES`."""
    table = _load()[language]
    places = {"target": relation.label, "anchor": relation.anchor or ""}
    kind = relation.kind
    if relation.ordinal is not None:
        places["ordinal"] = table["ordinals"][relation.ordinal - 1]
    if kind == ATTRIBUTE:
        name, value = relation.attributes[0]
        kind = "adjectives" if adjective_rank(name) is not None else "property"
        values = table["between_values"].join(value for _, value in relation.attributes)
        places |= {"name": name, "value": value, "values": values}
    return re.sub(r"\{(\w+)\}", lambda place: places[place[1]], table[kind])


def most_ordinals() -> int:
    """Return how far the phrases can count."""
    return min(len(_load()[language]["ordinals"]) for language in LANGUAGES)


def adjective_rank(name: str) -> int | None:
    """Return the place of an attribute among the words before a category, None if it stands behind."""
    names: Sequence[str] = _load()["adjective_names"]
    return names.index(name.casefold()) if name.casefold() in names else None


def can_be_said(name: str, value: str) -> bool:
    """Tell whether an attribute can stand in a phrase: short words, no switch, number or markup."""
    value = value.strip()
    if value.casefold() in _SWITCHES or not any(map(str.isalpha, value)):
        return False
    if adjective_rank(name) is not None:
        return _ADJECTIVE.fullmatch(value) is not None
    return _PROPERTY.fullmatch(value) is not None and _ADJECTIVE.fullmatch(name) is not None


@lru_cache(maxsize=1)
def _load() -> Mapping[str, Any]:
    import yaml

    content: Mapping[str, Any] = yaml.safe_load(PHRASES_FILE.read_text(encoding="utf-8"))
    return content
