"""Which texts of a source can be answers."""

import re
import unicodedata

from grounding.files import is_unicode
from grounding.markup import find_markup
from prepare.reasons import DESCRIPTION_EMPTY, DESCRIPTION_WITH_CONTROL, DESCRIPTION_WITH_MARKUP

_TAG = re.compile(r"</?[A-Za-z][\w.-]*\s*/?>|<\||\|>")
"""What looks like a tag or a special token: <box>, </ref>, <br/>, <|im_end|>."""


def fault_of_text(text: str) -> str | None:
    """Return the reason why a text cannot be an answer, one of `prepare.reasons`; None if it can.

    Its length does not matter, and neither do line breaks and tabs, which become spaces.
    """
    if not text.strip() or not is_unicode(text):
        return DESCRIPTION_EMPTY
    if find_markup(text) or _TAG.search(text):
        return DESCRIPTION_WITH_MARKUP
    if any(unicodedata.category(letter) == "Cc" and not letter.isspace() for letter in text):
        return DESCRIPTION_WITH_CONTROL
    return None
