"""Texts of a source that can be answers, and those that cannot."""

import pytest

from prepare.questions.text_faults import fault_of_text
from prepare.reasons import DESCRIPTION_EMPTY, DESCRIPTION_WITH_CONTROL, DESCRIPTION_WITH_MARKUP

BAD = [
    ("", DESCRIPTION_EMPTY),
    (" \n\t", DESCRIPTION_EMPTY),
    ("half of a pair \ud800", DESCRIPTION_EMPTY),
    ("a <box>", DESCRIPTION_WITH_MARKUP),
    ("a </ref> b", DESCRIPTION_WITH_MARKUP),
    ("see <bbox>", DESCRIPTION_WITH_MARKUP),
    ("<image>", DESCRIPTION_WITH_MARKUP),
    ("end<|im_end|>", DESCRIPTION_WITH_MARKUP),
    ("<think>", DESCRIPTION_WITH_MARKUP),
    ("line<br/>break", DESCRIPTION_WITH_MARKUP),
    ("a\0b", DESCRIPTION_WITH_CONTROL),
    ("a\x1b[0m", DESCRIPTION_WITH_CONTROL),
]
GOOD = ["a", "3 < 5 and 7 > 6", "l'été, 狗 🐕", "tab\tand\nline", "x" * 100_000, "a <3 b", "[10, 20, 30, 40]"]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_a_bad_text_has_a_reason(text: str, reason: str) -> None:
    assert fault_of_text(text) == reason


@pytest.mark.parametrize("text", GOOD, ids=lambda text: text[:20])
def test_long_and_odd_texts_are_kept(text: str) -> None:
    assert fault_of_text(text) is None
