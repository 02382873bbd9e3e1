from grounding.boxes import Box
from grounding.samples import Detection
from infer.mine.absent_labels import Absentees
from infer.mine.grades import grade_answer
from infer.mine.hardness import QuestionGrades

NAMES = frozenset({"cat", "dog", "cow", "horse", "sheep"})


def at(x: float, label: str) -> Detection:
    return Detection(label, Box(x, 0, x + 10, 10))


def graded(wanted: list[Detection], *answers: list[Detection]) -> QuestionGrades:
    return QuestionGrades(tuple(wanted), tuple(grade_answer(wanted, answer) for answer in answers))


def absentees(neighbours: dict[str, list[str]], most: int = 5, unannotated: float = 0.9) -> Absentees:
    return Absentees(NAMES, neighbours, most, unannotated)


def test_the_most_often_invented_comes_first_and_then_the_neighbours() -> None:
    question = graded([at(0, "dog")], [at(50, "cow")], [at(50, "cow"), at(90, "cat")], [], [])
    neighbours = {"dog": ["horse", "sheep", "cat"], "sheep": ["cow"]}
    found = absentees(neighbours).find([question], frozenset({"dog"}))
    assert list(found.items()) == [("cow", "invented"), ("cat", "invented"), ("horse", "neighbour")]
    assert list(absentees(neighbours, most=2).find([question], frozenset({"dog"}))) == ["cow", "cat"]


def test_a_neighbour_that_is_there_gives_way_to_the_next() -> None:
    neighbours = {"dog": ["cat", "horse"], "cat": ["dog"]}
    assert absentees(neighbours).find([graded([], [])], frozenset({"dog", "cat"})) == {"horse": "neighbour"}


def test_what_is_there_or_no_category_is_never_absent() -> None:
    question = graded([at(0, "dog")], [at(0, "dog"), at(50, "dog"), at(70, "unicorn")], [])
    assert absentees({"dog": ["unicorn"]}).find([question], frozenset({"dog"})) == {}


def test_what_nearly_all_answers_see_is_left_out_even_as_a_neighbour() -> None:
    question = graded([at(0, "dog")], *[[at(50, "cow")]] * 4)
    neighbours = {"dog": ["cow"]}
    assert absentees(neighbours).find([question], frozenset({"dog"})) == {}
    assert absentees(neighbours, unannotated=1).find([question], frozenset({"dog"})) == {"cow": "invented"}


def test_inventions_at_different_places_are_no_object() -> None:
    question = graded([], *[[at(place * 20, "cow")] for place in range(4)])
    assert absentees({}).find([question], frozenset()) == {"cow": "invented"}
