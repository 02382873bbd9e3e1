"""The name in a question that asks for one thing, for answers that only give its box."""

import re

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


def name_in_question(text: str) -> str | None:
    """Return what a question asks for; None if its form is not known, or it asks for several things."""
    match = _ASKS.fullmatch(" ".join(text.replace(IMAGE_PLACEHOLDER, " ").split()))
    if match is None:
        return None
    if match["asked"] is not None:
        return None if _SEVERAL.search(match["asked"]) else match["asked"].strip()
    return (match["described"] or match["quoted"] or "").strip(" .\"'") or None
