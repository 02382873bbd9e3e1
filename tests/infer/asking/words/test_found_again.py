"""Descriptions that are asked back, over an engine that says what it is told to."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from grounding.answers.forms import TRUNCATED
from grounding.boxes import Box, Size
from grounding.prompts import find_wordings, region_wordings
from infer.asking.words.found_again import (
    SECOND_TEMPERATURE,
    CycleTarget,
    DescribedOnce,
    ask_back,
    better_description,
    describe_and_check,
)
from infer.engines.live_answers import Listener
from infer.engines.protocol import RawAnswer, Request

PHRASE = find_wordings("expression.en1", "en")[0]
WORDINGS = region_wordings("en", states_box=False, names_label=False)
FIRST = f"<image>{WORDINGS[0].template}"
SHOWN, WHOLE = Path("spotlight.png"), Path("whole.png")
TARGET = CycleTarget(WHOLE, Size(2000, 1000), Box(200, 100, 1000, 500), PHRASE.ask, "Be brief.")


def named(*boxes: tuple[int, int, int, int]) -> str:
    """Return an answer that names boxes on the grid."""
    marks = ("<|object_ref_start|>it<|object_ref_end|><|box_start|>({},{}),({},{})<|box_end|>".format(*box)
             for box in boxes)  # fmt: skip
    return ", ".join(marks)


RIGHT, LEFT = (100, 100, 500, 500), (600, 0, 700, 900)


class Told:
    """Answers each request by a function, and notes it."""

    def __init__(self, say: Callable[[Request], str | RawAnswer]) -> None:
        self.say = say
        self.asked: list[Request] = []

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += requests
        said = [self.say(request) for request in requests]
        return [each if isinstance(each, RawAnswer) else RawAnswer(each, is_cut=False) for each in said]


class ToldLive(Told):
    """The same, with every word told as it is written."""

    def answer_live(self, requests: Sequence[Request], listeners: Sequence[Listener]) -> list[RawAnswer]:
        answers = self.answer(requests)
        for answer, hear in zip(answers, listeners, strict=True):
            for word in answer.text.split(" "):
                hear(f"{word} ")
        return answers


def describing(engine: Told, wordings: Sequence = WORDINGS) -> list[tuple[DescribedOnce, ...]]:
    return list(describe_and_check(engine, Request((SHOWN,), "Be brief.", FIRST), TARGET, wordings))


@pytest.mark.parametrize(
    ("answer", "box", "iou", "others", "is_found"),
    [
        (named(RIGHT), Box(200, 100, 1000, 500), 1.0, 0, True),
        (named((100, 100, 500, 300)), Box(200, 100, 1000, 300), 0.5, 0, True),
        (named((100, 100, 500, 299)), Box(200, 100, 1000, 299), 199 / 400, 0, False),
        (named(LEFT), Box(1200, 0, 1400, 900), 0.0, 0, False),
        (named(LEFT, RIGHT), Box(200, 100, 1000, 500), 1.0, 1, False),
        (named(RIGHT, (100, 100, 500, 501)), Box(200, 100, 1000, 500), 1.0, 0, True),
        ("I see nothing.", None, 0.0, 0, False),
        ("", None, 0.0, 0, False),
    ],
)
def test_words_are_found_that_lead_to_their_region_alone(
    answer: str, box: Box | None, iou: float, others: int, is_found: bool
) -> None:
    engine = Told(lambda _: answer)
    check = ask_back(engine, "the red cup", TARGET)
    assert (check.led.box, check.led.iou, check.led.others) == (box, pytest.approx(iou), others)
    assert check.is_found == is_found
    assert engine.asked == [Request((WHOLE,), "Be brief.", f"<image>{PHRASE.ask('the red cup')}")]


@pytest.mark.parametrize("words", ["", "the <|box_start|> cup", "<image>", "a <bbox>"])
def test_words_that_cannot_be_asked_for_are_not_found(words: str) -> None:
    engine = Told(lambda _: named(RIGHT))
    assert not ask_back(engine, words, TARGET).is_found
    assert engine.asked == []


def test_a_description_that_is_found_is_asked_for_once() -> None:
    engine = ToldLive(lambda request: "the red cup" if request.picture == SHOWN else named(RIGHT))
    steps = describing(engine)
    assert [step[-1].words for step in steps] == ["the", "the red", *["the red cup"] * 3]
    assert [step[-1].check is not None for step in steps] == [False] * 4 + [True]
    assert len(steps[-1]) == 1
    assert [request.is_free_form for request in engine.asked] == [True, False]  # the box keeps its grammar


def test_a_second_description_is_asked_for_in_other_words() -> None:
    def say(request: Request) -> str:
        if request.picture == SHOWN:
            return "a cup" if request.user == FIRST else "the red cup"
        return named(RIGHT) if "red" in request.user else named(LEFT)

    engine = Told(say)
    first, second = describing(engine)[-1]
    assert (first.words, first.is_found) == ("a cup", False)
    assert (second.words, second.is_found) == ("the red cup", True)
    assert second.question == f"<image>{WORDINGS[1].template}" != first.question
    assert better_description((first, second)) == second
    assert len(engine.asked) == 4


def test_there_is_no_third_description() -> None:
    engine = Told(lambda request: "a cup" if request.picture == SHOWN else named(LEFT))
    described = describing(engine)[-1]
    assert len(described) == 2
    assert len(engine.asked) == 4
    assert better_description(described) == described[0]


@pytest.mark.parametrize("wordings", [(), WORDINGS[:1]])
def test_without_another_wording_the_second_description_is_sampled(wordings: Sequence) -> None:
    engine = Told(lambda request: "a cup" if request.picture == SHOWN else named(LEFT))
    describing(engine, wordings)
    first, _, second, _ = engine.asked
    assert (first.temperature, first.draw) == (None, 0)
    assert (second.user, second.temperature, second.draw) == (first.user, SECOND_TEMPERATURE, 1)


def test_an_answer_that_is_cut_has_its_problem() -> None:
    engine = Told(
        lambda request: RawAnswer("the red", is_cut=True) if request.picture == SHOWN else named(RIGHT)
    )
    ((described,),) = describing(engine)[-1:]
    assert (described.words, described.problems) == ("the red", (TRUNCATED,))
