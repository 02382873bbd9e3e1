from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grounding.answers.forms import EMPTY_ANSWER, LOOPED, TRUNCATED
from grounding.boxes import Size
from grounding.regions.region_mark import Region
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.ways import ask_batch
from infer.asking.words.asking_for_words import ask_for_words, parse_words
from infer.engines.protocol import RawAnswer, Request
from infer.recipe import InferRecipe

REGION = Region((1, 2, 3, 4), "blur", None, ("a cat",))


class Echo:
    """Answers questions about boxes with a box, and others with words; keeps what it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[Request]] = []

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.batches.append(list(requests))
        return [
            RawAnswer(f"words on {request.user}" if request.is_free_form else "cat (1,2),(3,4)", is_cut=False)
            for request in requests
        ]


def request(name: str) -> Request:
    return Request((), "", name)


def test_words_are_asked_once_each_without_a_grammar_in_batches() -> None:
    engine = Echo()
    answers = ask_for_words(engine, [request(name) for name in "abcde"], 2)
    assert [answer.raw for answer in answers] == [f"words on {name}" for name in "abcde"]
    assert [[asked.user for asked in batch] for batch in engine.batches] == [["a", "b"], ["c", "d"], ["e"]]
    assert all(asked.is_free_form for batch in engine.batches for asked in batch)


@pytest.mark.parametrize("more", [{}, {"agree": 3, "temperature": 1.0}, {"zoom": "tiles"}])
def test_no_way_of_asking_for_boxes_touches_words(more: dict[str, Any], tmp_path: Path) -> None:
    engine = Echo()
    recipe = InferRecipe(checkpoint="a", dataset="b", output_dir=str(tmp_path), batch_size=2, **more)
    questions = [
        Question.of_one(number, f"{name}.png", Size(40, 40), request(name), REGION)
        for number, name in enumerate("abcd")
    ]
    questions[1:3] = [replace(question, region=None) for question in questions[1:3]]
    if more.get("zoom"):
        questions = [question for question in questions if question.region]
    answers = dict(
        zip("abcd" if len(questions) == 4 else "ad", ask_batch(engine, questions, recipe), strict=True)
    )
    for name in "ad":
        assert answers[name] == ParsedAnswer(f"words on {name}", (), ())
        assert sum(asked.user == name for batch in engine.batches for asked in batch) == 1
    for name in answers.keys() - {"a", "d"}:
        assert [found.label for found in answers[name].detections] == ["cat"]
    assert ask_batch(engine, [], recipe) == []


@pytest.mark.parametrize(
    ("answer", "raw", "problems"),
    [
        (RawAnswer(" a cat\n", is_cut=False), "a cat", ()),
        (RawAnswer("at [1, 2, 3, 4]", is_cut=False), "at [1, 2, 3, 4]", ()),
        (RawAnswer("<think>hm</think> a cat", is_cut=False), "a cat", ()),
        (RawAnswer("hm</think> a cat", is_cut=False, in_thought=True), "a cat", ()),
        (RawAnswer("hm, a cat", is_cut=False, in_thought=True), "", (TRUNCATED,)),
        (RawAnswer("a c", is_cut=True), "a c", (TRUNCATED,)),
        (RawAnswer("", is_cut=False), "", (EMPTY_ANSWER,)),
        (RawAnswer("a a a", is_cut=False, stopped=LOOPED), "a a a", (LOOPED,)),
        (RawAnswer("", is_cut=False, problem="refused"), "", ("refused",)),
        (RawAnswer("", is_cut=True, problem="refused"), "", ("refused", TRUNCATED)),
    ],
)
def test_words_come_without_thoughts_and_with_their_problems(
    answer: RawAnswer, raw: str, problems: tuple[str, ...]
) -> None:
    assert parse_words(answer) == ParsedAnswer(raw, (), problems)


def test_a_request_for_thoughts_says_that_an_answer_begins_in_one() -> None:
    assert parse_words(RawAnswer("hm</think>a cat", is_cut=False), thinks=True).raw == "a cat"
    assert parse_words(RawAnswer("a cat", is_cut=False), thinks=True).problems == (TRUNCATED,)
