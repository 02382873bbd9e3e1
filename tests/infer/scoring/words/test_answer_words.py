import pytest
from hypothesis import given
from hypothesis import strategies as st

from infer.scoring.words.answer_words import is_chinese, normal_phrase, words_of_answer

CASES = {
    "": "",
    "  \n\t ": "",
    "a red dog": "a red dog",
    "a **red**\n\n`dog`": "a red dog",
    "- a red dog\n- on the left": "a red dog on the left",
    "## Answer\n1. a dog": "Answer a dog",
    "```json\na dog\n```": "a dog",
    "<think>it is\na cat?</think>\n\na dog": "a dog",
    "so it is</think>a dog": "a dog",
    "<think>it is a cat": "",
    "<|object_ref_start|>dog<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>: red": "dog : red",
    "the <b>red</b> dog<br/>left<|im_end|>": "the red dog left",
    "size 3 < 4 > 2": "size 3 < 4 > 2",
    "left-most t-shirt, 2nd row": "left-most t-shirt, 2nd row",
    "红色的狗\n在左边": "红色的狗 在左边",
}


@pytest.mark.parametrize(("answer", "words"), CASES.items())
def test_an_answer_is_one_line_of_words(answer: str, words: str) -> None:
    assert words_of_answer(answer) == words


@given(st.text(alphabet="ab *`<>|_#-\n/1.红", max_size=40))
def test_any_answer_is_one_line_and_nothing_is_made_up(answer: str) -> None:
    words = words_of_answer(answer)
    assert words == " ".join(words.split())
    assert set(words) - {" "} <= set(answer)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Red DOG!", "red dog"),
        ("a dog", "dog"),
        ("a", "a"),
        ("theatre", "theatre"),
        ("t-shirt", "t shirt"),
        ("ＡＢＣ，红色的狗。", "abc 红色的狗"),
        ("?!", ""),
    ],
)
def test_phrases_are_compared_without_case_punctuation_and_article(text: str, normal: str) -> None:
    assert normal_phrase(text) == normal


def test_one_chinese_character_makes_a_text_chinese() -> None:
    assert is_chinese("the 狗")
    assert not is_chinese("café, “naïve” …")
