"""Answers that say that there is nothing to find: in English, in Chinese, or as empty JSON."""

import re

MAX_LENGTH = 300
"""Characters: an answer that says that there is nothing is not longer."""

SEPARATORS = " \t\r\n,;.:、，；。：-*`"
"""Characters that stand between the parts of an answer and mean nothing."""

_NOTHING = re.compile(
    # A clause that says that something is absent, without a word that takes it back.
    r"""(?!.*\b(?:but|however|only|except)\b|.*(?:但|只|而是))(?:(?:sorry|no),\s*)?(?:
        none(?:\s.*)? | nothing(?:\s.*)? | not\s(?:found|present|visible)(?:\s.*)? | null | n/a
        | there\s(?:is|are|was|were)(?:n't|\snot?\b|\snone\b).*
        | (?:the|this)\s(?:image|picture|photo)\s(?:contains|shows|has)\sno(?:ne)?\b.*
        | (?:the|this)\s(?:image|picture|photo)\s(?:does\snot|doesn't)\s(?:contain|show|have)\b.*
        | (?:i\s)?(?:can(?:no|')t|could\snot|couldn't|did\snot|didn't)\s(?:find|see|detect|locate)\b.*
        | no\b.*\b(?:found|detected|visible|present|seen|shown|here|there|image|picture|photo)
        | .*(?:没有|未检测到|未发现|未找到|未见|不存在|找不到|看不到|无法找到).* | 无 | 无目标.*
        | 在?[这该此]?[张幅]?(?:图|图像|图片|画面|照片)[中里]
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_CLAUSE_END = re.compile(r"[.!;。！；，\n]")
_FENCE = re.compile(r"```(?:json)?")
_EMPTY_JSON = re.compile(r'\[\s*\]|\{\s*(?:"[^"]*"\s*:\s*\[\s*\]\s*,?\s*)*\}')


def says_nothing(text: str) -> bool:
    """Tell whether an answer says that there is nothing to find: every clause of it must say so."""
    if len(text) > MAX_LENGTH or any(map(str.isdigit, text)):
        return False
    text = _FENCE.sub("\n", text)
    words = _EMPTY_JSON.sub("\n", text)
    clauses = [clause for part in _CLAUSE_END.split(words) if (clause := part.strip(SEPARATORS))]
    return all(map(_NOTHING.fullmatch, clauses)) if clauses else words != text
