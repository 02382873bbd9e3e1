import pytest

from grounding.yes_no.yes_no_words import NO_WORDS, YES_AND_NO, YES_WORDS, answer_of, says_yes


@pytest.mark.parametrize(
    "token",
    ["Yes", "yes", " Yes", "YES", "Yes.", "Yes,", "\nyes", "**Yes", "Ġyes", "▁Yes", "是", "是的", "对"],
)
def test_spellings_of_yes(token: str) -> None:
    assert says_yes(token) is True


@pytest.mark.parametrize("token", ["No", "no", " No", "NO", "No.", '"No', "否", "不", "不是", "没有"])
def test_spellings_of_no(token: str) -> None:
    assert says_yes(token) is False


@pytest.mark.parametrize(
    "token",
    ["", " ", ".", "None", "Nothing", "Yesterday", "是否", "对于", "The", "<|im_end|>", "\ufffd", "1"],
)
def test_other_tokens_say_neither(token: str) -> None:
    assert says_yes(token) is None


@pytest.mark.parametrize(
    ("piece", "says"), [("Y", True), ("Ye", True), ("N", False), ("n", False), ("没", False)]
)
def test_the_first_piece_of_a_word_counts(piece: str, says: bool) -> None:
    assert says_yes(piece) is says


def test_the_words_are_told_apart_and_the_trained_answers_are_among_them() -> None:
    assert not YES_WORDS & NO_WORDS
    for language in YES_AND_NO:
        assert says_yes(answer_of(language, is_right=True)) is True
        assert says_yes(answer_of(language, is_right=False)) is False
