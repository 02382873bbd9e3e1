import pytest

from infer.dlc_bench.bench_files import JudgedQuestion
from infer.dlc_bench.judge_prompts import (
    chosen_place,
    is_plural,
    judge_prompt,
    recognition_question,
    with_article,
)

CHOICES = ("The wing is not mentioned.", "The wing is mentioned.", "The wing is mentioned. It is grey.")


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ("The wing is not mentioned.", 0),
        ("B. The wing is mentioned.", 1),
        (" b ", 1),
        ("C.", 2),
        ("c. something else", 2),
        ("I choose: The wing is NOT mentioned. Sure.", 0),
        ("The wing is not mentioned. No: The wing is mentioned.", 1),  # the last one
        ("so: the wing is mentioned. it is grey.", 2),  # the longest of two at one place
        ("is grey", 2),  # a part of one choice
        ("the wing is mentioned", 2),  # a part of two: the longest
        ("A\nbecause it is so", 0),
        ("D. none", None),
        ("", None),
        (" \n", None),
        ("nothing of that", None),
        ("apple", None),
    ],
)
def test_an_answer_names_a_choice_by_the_published_rules(answer: str, place: int | None) -> None:
    assert chosen_place(answer, CHOICES) == place


def test_the_prompt_is_the_published_one() -> None:
    question = JudgedQuestion("Which one?", ("One.", "Two."), (0.0, 1.0), "positive")
    assert judge_prompt("A dog {sits}.", question) == (
        "Answer the multiple-choice question based on the text description of an object in an image. You "
        "need to follow these rules:\n1. Do not output any reasoning. Do not perform correction. Please "
        "output exactly one answer from the choices for each question. Do not repeat the question.\n2. There "
        "is no need for exact matching. Please choose the closest option based on the description.\n\nThe "
        "description is:\nA dog {sits}.\n\nFrom the description above, please answer the following question "
        "with one of the choices:\nWhich one?\nA. One.\nB. Two.\n"
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wild bird", "object in the description is a wild bird or an object"),
        ("apple", "object in the description is an apple or an object"),
        ("scissors", "objects in the description are scissors or objects"),
        ("bus", "object in the description is a bus or an object"),
        ("ski", "object in the description is a ski or an object"),
    ],
)
def test_the_first_question_is_about_the_name(name: str, words: str) -> None:
    question = recognition_question(name)
    assert words in question.text
    assert (question.choices, question.points) == (("Yes", "No"), (1.0, 0.0))


def test_articles_and_plurals_follow_simple_rules() -> None:
    names = ("umbrella", "uniform", "hourglass", "hat", "eraser", "used car", "one-way sign", "european bee")
    assert [with_article(name).split()[0] for name in names] == ["an", "a", "an", "a", "an", "a", "a", "a"]
    assert [name for name in ("glass", "skis", "cactus", "tennis", "Shoes", "", "7") if is_plural(name)] == [
        "Shoes"
    ]
