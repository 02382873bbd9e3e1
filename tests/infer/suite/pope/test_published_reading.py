import pytest
from hypothesis import given
from hypothesis import strategies as st

from infer.suite.pope.published_reading import reads_as_yes, says_neither


def published(text: str) -> str:
    """The reading in evaluate.py of POPE, line by line."""
    if text.find(".") != -1:
        text = text.split(".")[0]
    text = text.replace(",", "")
    words = text.split(" ")
    if "No" in words or "not" in words or "no" in words:
        return "no"
    return "yes"


@given(
    st.lists(
        st.sampled_from(["No", "no", "not", "NO", "yes", "Yes", " ", ",", ".", "\n", "there is", "nothing"])
    )
)
def test_any_answer_is_read_as_the_published_scorer_reads_it(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert ("yes" if reads_as_yes(text) else "no") == published(text)


@pytest.mark.parametrize(
    ("answer", "is_yes", "neither"),
    [
        ("Yes, there is a dog.", True, False),
        ("No, there is no dog. Yes.", False, False),
        ("There is not a dog", False, False),
        ("Yes. No doubt", True, False),
        ("no, thanks", False, False),
        ("Well,no", True, True),  # as published: commas are removed, not made spaces
        ("", True, True),
        ("I see a cat", True, True),
        ("NO", True, True),  # as published: only No, no and not are read
    ],
)
def test_answers(answer: str, is_yes: bool, neither: bool) -> None:
    assert (reads_as_yes(answer), says_neither(answer)) == (is_yes, neither)
