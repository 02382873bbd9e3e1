from pathlib import Path

import pytest

from grounding.boxes import Box, Size
from grounding.samples import Detection
from infer.asking.dataset_questions import AskedPicture, Question
from infer.asking.parsed_answers import ParsedAnswer
from infer.calibrate.held_out_report import format_orders, measure_orders, measured_figures
from infer.calibrate.judged_boxes import JudgedAnswers, judge_answers
from infer.calibrate.known_answers import KnownAnswers
from infer.calibrate.order_scores import ScoredOrder, score_orders
from infer.engines.protocol import Request

RIGHT, WRONG = Box(0, 0, 10, 10), Box(50, 50, 60, 60)


def answers_of(
    *boxes: tuple[int, str, Box, float], labels: tuple[str, ...] = ("cat", "cat")
) -> JudgedAnswers:
    """Return judged boxes (question, label, box, mean_logprob); each question has one object at RIGHT."""
    count = len(labels)
    questions = tuple(
        Question.of_one(7, "a.png", Size(100, 100), Request((Path("a.png"),), "", "<image>"))
        for _ in range(count)
    )
    known = KnownAnswers(
        "calibration", questions, tuple((Detection(label, RIGHT),) for label in labels), ((),) * count
    )
    parsed = {
        place: ParsedAnswer(
            "",
            tuple(Detection(label, box, score, (1.0,)) for at, label, box, score in boxes if at == place),
            (),
        )
        for place in range(count)
    }
    return JudgedAnswers(known, tuple((each,) for each in "ab"[:count]), tuple(judge_answers(known, parsed)))


def by_name(orders: list[ScoredOrder]) -> dict[str, float | None]:
    return {order.name: order.coco.statistics["AP50"] for order in orders}


def test_each_order_has_its_own_ap() -> None:
    answers = answers_of((0, "cat", WRONG, 0.9), (0, "cat", RIGHT, 0.1), (1, "cat", RIGHT, 0.5))
    found = by_name(score_orders(answers, [0.2, 0.8, 0.9], ["cat"]))
    assert found["calibrated"] == found["perfect order"] == pytest.approx(1)
    assert found["mean_logprob"] == pytest.approx(2 / 3, abs=1e-3)  # wrong, right, right
    assert found["constant"] == pytest.approx(2 / 3, abs=1e-3)


def test_a_perfect_order_ranks_better_overlaps_first() -> None:
    loose = Box(0, 0, 10, 7)
    answers = answers_of((0, "cat", loose, 0.5), (1, "cat", RIGHT, 0.5))
    orders = {order.name: order for order in score_orders(answers, [0.5, 0.5], ["cat"])}
    assert orders["perfect order"].scores == pytest.approx((0.7, 1.0))
    ap = {name: order.coco.statistics["AP"] for name, order in orders.items()}
    assert (ap["perfect order"] or 0) > (ap["constant"] or 0)


def test_expressions_share_a_category_and_labels_that_nobody_asked_for_are_left_out() -> None:
    labels = ("the left cat", "the black cat")
    answers = answers_of(
        (0, labels[0], RIGHT, 0.5), (0, "a dog", WRONG, 0.9), (1, labels[1], WRONG, 0.7), labels=labels
    )
    orders = {order.name: order for order in score_orders(answers, [0.9, 0.1, 0.2], ["cat"])}
    assert orders["constant"].coco.statistics["AP50"] == pytest.approx(0.505, abs=1e-3)
    assert len(orders["constant"].scores) == 3


def test_the_report_has_the_errors_of_the_scores() -> None:
    answers = answers_of((0, "cat", WRONG, 0.9), (0, "cat", RIGHT, 0.1), (1, "cat", RIGHT, 0.5))
    qualities = {
        item.name: item for item in measure_orders(answers, score_orders(answers, [0.2, 0.8, 0.9], ["cat"]))
    }
    assert qualities["calibrated"].brier == pytest.approx((0.04 + 0.04 + 0.01) / 3)
    assert qualities["calibrated"].reliability.auroc == 1
    assert qualities["mean_logprob"].reliability.auroc == 0
    assert qualities["constant"].reliability.calibration_error == pytest.approx(1 / 3)
    figures = measured_figures(list(qualities.values()))
    assert figures["AUROC"] == 1
    assert figures["AP calibrated"] > figures["AP mean_logprob"]
    shown = format_orders(list(qualities.values()))
    assert [line.split()[0] for line in shown.splitlines()] == [
        "scores", "-------------", "constant", "mean_logprob", "calibrated", "perfect",
    ]  # fmt: skip


def test_each_picture_of_a_question_is_an_image_of_its_own() -> None:
    """Boxes at the same place of the wrong picture are wrong; one question has two pictures."""
    sizes = (Size(100, 100), Size(50, 50))
    pictures = tuple(AskedPicture(number, "a.png", size) for number, size in enumerate(sizes))
    request = Request((Path("a.png"), Path("b.png")), "", "<image><image>")
    one = Question.of_one(7, "c.png", sizes[0], Request((Path("c.png"),), "", "<image>"))
    wanted = (Detection("cat", RIGHT), Detection("cat", RIGHT, picture=1))
    known = KnownAnswers("calibration", (Question(pictures, request), one), (wanted, wanted[:1]), ((), ()))

    def orders(*found: Detection) -> dict[str, float | None]:
        parsed = {
            0: ParsedAnswer("", found, ()),
            1: ParsedAnswer("", (Detection("cat", RIGHT, 0.5, (1.0,)),), ()),
        }
        answers = JudgedAnswers(known, (("a", "b"), ("c",)), tuple(judge_answers(known, parsed)))
        assert answers.contents == ("a", "b", "c")
        assert answers.groups.tolist() == [0, 0, 1]
        return by_name(score_orders(answers, [0.5] * len(answers.judged), ["cat"]))

    right = tuple(Detection("cat", RIGHT, 0.5, (1.0,), picture=place) for place in (0, 1))
    assert orders(*right)["perfect order"] == pytest.approx(1)
    assert orders(right[0], right[0])["perfect order"] == pytest.approx(2 / 3, abs=0.01)
