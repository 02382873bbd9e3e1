"""Which attributes a text states: the label, colours, sizes and states, by lists of words.

An attribute of a region is known where a true phrase states it, or where its label is known. The text states
it right if it names one of the true values and no value that no true phrase names. Limits: words are
compared, not meanings, so that "not red" names red, a colour may be that of another thing in the same text,
and a synonym of the label ("man" for "person") is no label.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from infer.scoring.words.answer_words import is_chinese

LABEL = "label"
LISTED = ("colour", "size", "state")
KINDS = (LABEL, *LISTED)

WORDS_FILE = Path(__file__).with_name("attribute_words.yaml")


@dataclass(frozen=True)
class ListedWords:
    """The words of one kind: a pattern that finds them, the longest first, and the value of each."""

    pattern: "re.Pattern[str]"
    values: Mapping[str, str]

    def named_in(self, text: str) -> set[str]:
        """Return the values that a text names."""
        return {self.values[word.lower()] for word in self.pattern.findall(text)}


@lru_cache(maxsize=1)
def listed_words() -> Mapping[str, ListedWords]:
    """Read attribute_words.yaml: kind -> its words."""
    import yaml

    content = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))
    return {kind: _listed(content[kind]) for kind in LISTED}


def right_attributes(text: str, phrases: Sequence[str], label: str | None) -> dict[str, bool]:
    """Return whether the text states each known attribute right, by kind."""
    known: dict[str, bool] = {}
    if label is not None and label.strip():
        known[LABEL] = _label_pattern(label).search(text) is not None
    for kind, words in listed_words().items():
        true = {value for phrase in phrases for value in words.named_in(phrase)}
        if true:
            given = words.named_in(text)
            known[kind] = bool(given) and given <= true
    return known


def _listed(content: Mapping[str, Sequence[str]]) -> ListedWords:
    values = {word: value for value, words in content.items() for word in words}
    longest_first = sorted(values, key=len, reverse=True)  # of words that begin alike
    return ListedWords(re.compile("|".join(map(_one_word, longest_first)), re.IGNORECASE), values)


def _one_word(word: str) -> str:
    return re.escape(word) if is_chinese(word) else rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])"


@lru_cache(maxsize=4096)
def _label_pattern(label: str) -> "re.Pattern[str]":
    """Return the pattern of a label, also in the plural; spaces stand for any space, - or _."""
    words = [re.escape(word) for word in re.split(r"[\s_-]+", label.strip()) if word]
    text = r"[\s_-]+".join(words)
    if is_chinese(label):
        return re.compile(text, re.IGNORECASE)
    if label.strip().lower().endswith("y"):
        text = f"(?:{text}|{text[:-1]}ies)"
    return re.compile(rf"(?<![A-Za-z0-9]){text}(?:s|es)?(?![A-Za-z0-9])", re.IGNORECASE)
