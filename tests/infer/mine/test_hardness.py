from collections import Counter

import pytest

from grounding.boxes import Box
from grounding.samples import Detection
from infer.mine.grades import Grade, grade_answer
from infer.mine.hardness import QuestionGrades, count_confusions, find_neighbours, weight_of


def at(x: float, label: str = "dog", width: float = 10) -> Detection:
    return Detection(label, Box(x, 0, x + width, 10))


def graded(wanted: list[Detection], *answers: list[Detection]) -> QuestionGrades:
    return QuestionGrades(tuple(wanted), tuple(grade_answer(wanted, answer) for answer in answers))


def test_the_hardest_object_makes_a_question_hard() -> None:
    easy = [at(place * 20) for place in range(5)]
    rare = at(200, "axolotl")
    question = graded([*easy, rare], easy, [*easy, rare], easy, [*easy, at(200, "axolotl", width=5)])
    assert [item.hardness for item in question.objects] == [0, 0, 0, 0, 0, 0.625]
    assert question.hardness == 0.625
    assert question.objects[-1].is_unstable
    assert not question.objects[0].is_unstable
    assert question.is_unstable
    assert question.objects[-1].grades == Counter({Grade.MISSED: 2, Grade.RIGHT: 1, Grade.LOOSE: 1})


def test_wrong_boxes_make_a_question_hard_where_nothing_is_wanted() -> None:
    question = graded([], [], [at(0)], [at(0), at(0)], [])
    assert question.hardness == 0.5
    assert question.objects == ()
    assert question.is_unstable
    assert question.count()["invented"] == 2
    assert question.count()["copied"] == 1


def test_what_is_never_right_is_hard_but_not_unstable() -> None:
    question = graded([at(0)], [], [at(0, "cat")])
    assert question.hardness == 1
    assert not question.is_unstable
    assert not question.objects[0].is_unstable


def test_an_invention_counts_by_the_answers_that_put_it_at_one_place() -> None:
    question = graded([], [at(0)], [at(1)], [at(60)], [at(100, "cat"), at(200, "cat")])
    assert question.invented == {"dog": 0.5, "cat": 0.25}


@pytest.mark.parametrize(
    ("hardness", "most", "weight"),
    [(0, 3, 1), (0.3, 3, 1), (0.5, 3, 2), (0.83, 3, 2), (0.84, 3, 3), (1, 3, 3), (1, 1, 1), (0.1, 8, 1)],
)
def test_weights_grow_with_hardness(hardness: float, most: int, weight: int) -> None:
    assert weight_of(hardness, most) == weight


def test_rarity_multiplies_weights() -> None:
    assert [weight_of(1.0, 3, rarity) for rarity in (1.0, 1.5, 2.9)] == [3, 5, 9]
    assert weight_of(0.1, 1, 1.0) == 1


def test_confusions_name_the_labels_that_objects_were_given() -> None:
    first = graded([at(0), at(50, "cat")], [at(0, "cat"), at(50, "cat")], [at(0, "cow")], [at(0, "cat")])
    second = graded([at(0)], [at(0, "cat")])
    assert count_confusions([first, second]) == {"dog": Counter({"cat": 3, "cow": 1})}


def test_a_neighbour_is_confused_in_one_of_twenty_answers() -> None:
    dogs = [at(place * 20) for place in range(20)]
    once = [at(0, "cat"), *dogs[1:]]
    twice = [at(0, "cow"), at(20, "cow"), *dogs[2:]]
    assert find_neighbours([graded(dogs, once)]) == {"dog": ["cat"]}
    assert find_neighbours([graded(dogs, once, dogs)]) == {"dog": []}
    assert find_neighbours([graded(dogs, once, twice)]) == {"dog": ["cow"]}
