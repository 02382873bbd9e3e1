import math

import pytest

from grounding.boxes import Box
from grounding.samples import Detection
from infer.mine.grades import grade_answer
from infer.mine.hardness import QuestionGrades
from infer.mine.rarity import Rarity, measure_rarity

CAT, DOG, COW = (
    Detection(label, Box(x, 0, x + 10, 10)) for label, x in {"cat": 0, "dog": 20, "cow": 40}.items()
)
NAMES = frozenset({"cat", "dog", "cow", "horse"})


def graded(wanted: list[Detection], *answers: list[Detection]) -> QuestionGrades:
    return QuestionGrades(tuple(wanted), tuple(grade_answer(wanted, answer) for answer in answers))


def test_a_factor_is_the_root_of_how_much_rarer_a_category_is() -> None:
    questions = [*[graded([CAT, CAT, DOG], [])] * 8, graded([DOG], []), graded([COW], [])]
    factors = measure_rarity(questions, NAMES, 2.5).factors
    assert factors == {"cat": pytest.approx(math.sqrt(9 / 8)), "dog": 1, "cow": 2.5}
    assert measure_rarity(questions, NAMES, 1).factors == {"cat": 1, "dog": 1, "cow": 1}


def test_expressions_and_what_is_no_category_have_no_rarity() -> None:
    questions = [*[graded([CAT], [])] * 4, graded([DOG], [])]
    assert measure_rarity(questions, None, 3).factors == {}
    assert measure_rarity(questions, frozenset({"dog"}), 3).factors == {"dog": 1}
    assert measure_rarity([], NAMES, 3).factors == {}


def test_only_hard_objects_make_a_record_rare() -> None:
    rarity = Rarity({"cat": 1.0, "dog": 1.5, "cow": 3.0})
    question = graded([CAT, DOG, COW], [COW], [CAT, COW])
    assert rarity.of(question, 0.5) == 1.5
    assert rarity.of(graded([COW], [COW]), 0.5) == 1
    assert rarity.of(graded([], [CAT]), 0.5) == 1
    assert Rarity({}).of(question, 0.5) == 1
