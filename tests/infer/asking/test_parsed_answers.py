"""What becomes of an answer that the engine has stopped."""

import pytest

from grounding.answers.forms import LABEL_ONLY, LOOPED, REPEATED, TRUNCATED
from grounding.boxes import Size
from infer.asking.parsed_answers import parse_raw_answer
from infer.engines.protocol import RawAnswer

SIZE = Size(1000, 1000)


@pytest.mark.parametrize(
    ("text", "labels", "problems"),
    [
        ("dog(1,2),(3,4)", ["dog"], (REPEATED,)),
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}', ["dog"], (REPEATED,)),
        ("dog(1,2),(3,4), cat", ["dog"], (LABEL_ONLY, REPEATED)),
    ],
)
def test_the_reason_is_a_problem_and_that_the_text_ends_early_is_none(
    text: str, labels: list[str], problems: tuple[str, ...]
) -> None:
    parsed = parse_raw_answer(RawAnswer(text, False, stopped=REPEATED), SIZE)
    assert [found.label for found in parsed.detections] == labels
    assert parsed.problems == problems
    assert TRUNCATED in parse_raw_answer(RawAnswer(text, True), SIZE).problems


def test_an_answer_of_which_nothing_is_left() -> None:
    parsed = parse_raw_answer(RawAnswer("", False, stopped=LOOPED), SIZE)
    assert (parsed.raw, parsed.detections, parsed.problems) == ("", (), (LOOPED,))
