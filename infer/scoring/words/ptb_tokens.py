"""Tokens of English text as coco-caption takes them: Penn Treebank tokens in lower case, without punctuation.

The published scores of RefCOCOg use Stanford's PTBTokenizer (CoreNLP 3.4.1, in Java, -lowerCase), and
coco-caption removes tokens of punctuation. This is what descriptions need of it, without Java: contractions,
possessives, quotes, brackets, numbers, and common abbreviations. It knows no e-mail addresses, emoticons, and
rare abbreviations; `benchmarks/word_metrics.py` counts on how many texts both agree.
"""

import re

_PUNCTUATION = frozenset({".", "?", "!", ",", ":", "-", "--", "...", ";", "'", "`", '"'})
"""What coco-caption removes (pycocoevalcap/tokenizer/ptbtokenizer.py). It lists brackets in upper case, but
the tokens are in lower case: as published, brackets stay."""

_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}

_SAME_CHARACTERS = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2026": "..."}
)
"""Typographic quotes and dots are read as the plain ones."""

_ABBREVIATIONS = (
    "mr mrs ms dr prof st co corp inc ltd jr sr vs etc ave blvd rd dept gen gov sen rep rev hon capt lt col "
    "sgt jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat sun"
)

_TOKEN = re.compile(
    rf"""
    https?://\S*[^\s.,;:!?)\]'"] | www\.\S*[^\s.,;:!?)\]'"]
    | </?[a-z!][^<>\s]*>
    | -{{2,}} | [!?]+
    | (?:{"|".join(_ABBREVIATIONS.split())})\.(?!\w)
    | no\.(?=\s*\d)
    | (?:[a-z]\.)+[a-z]\.?(?!\w) | (?<![\w'])[a-z]\.(?=\s+\w)
    | \d+:\d\d
    | y'(?=all\b) | (?<=[^\W\d_])'n'(?=\w) | (?<!\w)'(?:n|em|til|tis|twas|cause)'?(?!\w)
    | '(?:s|m|d|re|ve|ll)(?!\w) | (?<!\w)'\d\ds?(?!\w)
    | [^\W_]+(?:(?:[-/_]|(?<=\d)[.,](?=\d)|(?<![\d\W])'(?!n'\w)(?=[^\W\d_]))[^\W_]+)*
    | \S
    """,
    re.VERBOSE | re.DOTALL,
)

_ENDINGS = ("n't", "'s", "'m", "'d", "'re", "'ve", "'ll")
_TWO_WORDS = {
    "cannot": "can not",
    "gonna": "gon na",
    "gotta": "got ta",
    "wanna": "wan na",
    "gimme": "gim me",
    "lemme": "lem me",
    "'tis": "'t is",
    "'twas": "'t was",
}


def ptb_tokens(text: str) -> list[str]:
    """Return the tokens of a text, in lower case and without punctuation; [] for a text without any."""
    plain = text.translate(_SAME_CHARACTERS).lower()
    return [token for found in _TOKEN.findall(plain) for token in _split(found) if token not in _PUNCTUATION]


def _split(token: str) -> list[str]:
    """Return a piece of text as tokens: brackets by name, and endings such as 's and n't apart."""
    if token in _BRACKETS:
        return [_BRACKETS[token]]
    if token in _TWO_WORDS:
        return _TWO_WORDS[token].split()
    if token in ("\u2013", "\u2014") or set(token) == {"-"}:
        return ["--"]
    endings, end = [], len(token)
    while found := next((one for one in _ENDINGS if token.endswith(one, 0, end) and len(one) < end), None):
        endings.append(found)
        end -= len(found)
    return [token[:end], *reversed(endings)]
