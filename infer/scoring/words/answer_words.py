"""The words of an answer: without thoughts, markup and line breaks."""

import re
import unicodedata
from collections.abc import Iterable

_REMOVED = re.compile(
    r"""
    ^[^\S\n]*```[^\n]*$                                        # the fences of a block
    | <\|box_start\|>[\s\d.,()\[\]-]*(?:<\|box_end\|>)?        # coordinates are no words
    | <\|[^<>|]*\|> | </?[a-zA-Z][^<>]*>                       # tokens and tags
    | ^[^\S\n]*(?:\#{1,6}|[-*+•]|\d{1,2}\.)[^\S\n]+            # headings and items of lists
    | \*\*|__|`
    """,
    re.VERBOSE | re.MULTILINE,
)
"""No part of it looks further than the next "<" or line: an answer can repeat itself for a megabyte."""

_THOUGHT_END = "</think>"
_THOUGHT_START = "<think>"

_CHINESE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_ARTICLE = re.compile(r"^(?:a|an|the) (?=\S)")


def words_of_answer(answer: str) -> str:
    """Return an answer as one line of words; "" where it has none.

    A thought is no part of the answer, nor is a thought that never ends. Grounding tokens, boxes, tags,
    Markdown and line breaks are dropped.
    """
    _, end, said = answer.rpartition(_THOUGHT_END)
    text = said if end else answer
    text = text.partition(_THOUGHT_START)[0]
    return " ".join(_REMOVED.sub(" ", text).split())


def is_true_phrase(words: str, phrases: Iterable[str]) -> bool:
    """Tell whether words are one of the true phrases, but for what `normal_phrase` drops; "" never is."""
    normal = normal_phrase(words)
    return bool(normal) and normal in map(normal_phrase, phrases)


def is_chinese(text: str) -> bool:
    """Tell whether a text has a Chinese character."""
    return _CHINESE.search(text) is not None


def normal_phrase(text: str) -> str:
    """Return a phrase for exact comparison: without case, punctuation, width of characters, first article."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (" " if unicodedata.category(one)[0] in "PZC" else one for one in folded)
    return _ARTICLE.sub("", " ".join("".join(kept).split()))
