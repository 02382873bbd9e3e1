"""The order in which questions are asked, which needs no memory."""

from collections import Counter

from train.objectives.grpo.rewarded_questions import QuestionOrder


def test_a_pass_asks_every_question_once() -> None:
    order = QuestionOrder(12, seed=3)
    first = [number for update in range(4) for number in order.first(update, 3)]
    second = [number for update in range(4, 8) for number in order.first(update, 3)]
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second
    assert first != [number for update in range(4) for number in QuestionOrder(12, 4).first(update, 3)]


def test_processes_share_a_pass() -> None:
    asked = [QuestionOrder(12, 3, process, 2).first(update, 3) for update in range(2) for process in range(2)]
    assert Counter(number for part in asked for number in part) == Counter(range(12))
    one, other = (QuestionOrder(1000, 3, process, 2).refill(0, 1, 5) for process in range(2))
    assert one != other


def test_an_update_can_be_larger_than_a_pass() -> None:
    assert Counter(QuestionOrder(3, 1).first(5, 6)) == Counter({0: 2, 1: 2, 2: 2})


def test_update_and_draw_alone_decide_what_replaces_dead_groups() -> None:
    order = QuestionOrder(1000, seed=3)
    assert order.refill(7, 1, 4) == QuestionOrder(1000, seed=3).refill(7, 1, 4)
    assert order.refill(7, 1, 4) != order.refill(7, 2, 4)
    assert order.refill(7, 1, 4) != order.refill(8, 1, 4)


def test_questions_and_answers_of_two_processes_are_those_of_one() -> None:
    one = QuestionOrder(12, 3)
    two = [QuestionOrder(12, 3, process, 2) for process in range(2)]
    for update in range(5):
        assert one.first(update, 4) == [number for order in two for number in order.first(update, 2)]
        assert {order.sampling_seed(update, 1) for order in two} == {one.sampling_seed(update, 1)}
    assert one.sampling_seed(0, 0) != one.sampling_seed(0, 1)
