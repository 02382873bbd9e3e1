"""The name in a question that asks for one thing, for answers that only give its box."""

import re

from grounding.answers.forms import BOX_KEYS, CONTAINER_KEYS
from grounding.answers.spellings.plain_lines import is_name
from grounding.markup import IMAGE_PLACEHOLDER

_ASKS = re.compile(
    # A whole question of a known form around one name.
    r"""(?:please[\s,]+|can\syou\s|could\syou\s)?
    (?:(?:find|locate|detect|ground|point\sout|where(?:\sis|\sare|'s))\s+(?:(?:the|a|an|all|every|each|any)\s+)*
        (?P<asked>[^.,;:?!"'\n]{1,120}?)
      |[^.:?!\n]{0,120}\b(?:describes?|description|expression|phrase|sentence|refers?\sto)\s*:\s*
        (?P<described>[^\n]{1,300}?)
      |[^.:?!\n]{0,120}\b(?:describes?|description|expression|phrase|sentence|refers?\sto)\s+(?:is\s+)?
        (?P<quote>["'“])(?P<quoted>[^"“”\n]{1,300}?)["'”][^"'“”\n:]{0,120}
    )
    (?:\s+in\s+(?:the|this)\s+(?:image|picture|photo))?\s*[.?!]*
    (?:[\s,.;]*(?:and\s+)?(?:answer|report|output|return|give|respond|reply)\b[^\n]{0,200})?""",
    re.IGNORECASE | re.VERBOSE,
)
_SEVERAL = re.compile(r"\b(?:and|or|nor)\b|,|;|/", re.IGNORECASE)


_PRONOUNS = "all every each any everything objects it them this that they"
_NO_NAME = frozenset(_PRONOUNS.split())
_AROUND_BOXES = """a an and are at be box boxes by can coordinates d from here i in is it its json located of
    on picture photo position s sure that the there this to with yes x y think thinking"""
_NEUTRAL = frozenset(_AROUND_BOXES.split()) | {
    word for key in (*BOX_KEYS, *CONTAINER_KEYS) for word in re.findall(r"[a-z]+", key)
}
"""Words around a box that name nothing."""

_WORD = re.compile(r"[^\W\d_]+")
_JOINING = re.compile(r"(?:and|or|with|plus|also|then)\s+", re.IGNORECASE)


def says_only(text: str, name: str) -> bool:
    """Tell whether the words of an answer name nothing but what the question asked for."""
    words = {word.lower() for word in _WORD.findall(text)}
    return words <= _NEUTRAL | {word.lower() for word in _WORD.findall(name)}


def plain_name_before(label: str) -> str | None:
    """Return the name that stands before a box in running text; None for a part of a sentence."""
    name = _JOINING.sub("", label, count=1) if _JOINING.match(label) else label
    return name if is_name(name) else None


def name_in_question(text: str) -> str | None:
    """Return what a question asks for; None if its form is not known, or it asks for several things."""
    match = _ASKS.fullmatch(" ".join(text.replace(IMAGE_PLACEHOLDER, " ").split()))
    if match is None:
        return None
    if match["asked"] is not None:
        asked = match["asked"].strip()
        return None if _SEVERAL.search(asked) or asked.lower() in _NO_NAME else asked
    return (match["described"] or match["quoted"] or "").strip(" .\"'") or None
