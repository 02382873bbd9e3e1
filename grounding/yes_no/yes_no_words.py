"""Yes and no: the answers that are trained, and the first tokens that count as one of them."""

YES_AND_NO = {"en": ("Yes", "No"), "zh": ("是", "否")}
"""The trained answers by the language of the question."""

YES_WORDS = frozenset({"yes", "yeah", "yep", "是", "是的", "对", "对的"})
NO_WORDS = frozenset({"no", "nope", "not", "否", "不", "不是", "不对", "没有"})
"""The spellings that count, in lower case."""

_AROUND = " \t\r\n.,;:!?。，；：！？\"'`*_()[]▁Ġ"
"""Characters around a word that mean nothing; the last two stand for a space in the names of tokens."""


def says_yes(token: str) -> bool | None:
    """Tell whether the first token of an answer says yes (True) or no (False); None if it says neither.

    Case, spaces and punctuation around the word do not matter. A tokenizer may split a word: then its first
    piece counts, such as "Y" or "Ye", as long as it begins words of one kind alone.
    """
    word = token.strip(_AROUND).casefold()
    if not word:
        return None
    if word in YES_WORDS:
        return True
    if word in NO_WORDS:
        return False
    begins_yes, begins_no = (any(full.startswith(word) for full in words) for words in (YES_WORDS, NO_WORDS))
    return begins_yes if begins_yes != begins_no else None


def answer_of(language: str, *, is_right: bool) -> str:
    """Return the answer that is trained to a question in this language ("en" or "zh")."""
    yes, no = YES_AND_NO[language]
    return yes if is_right else no
