from pathlib import Path

import pytest

from infer.dlc_bench.bench_files import read_bench
from infer.dlc_bench.bench_scores import bench_scores, judge_region
from tests.infer.dlc_bench.small_bench import ANSWERS, NEGATIVE, POSITIVE, write_bench


def test_scores_are_those_that_are_counted_by_hand(tmp_path: Path) -> None:
    judged = [judge_region(region, ANSWERS[region.key]) for region in read_bench(write_bench(tmp_path / "b"))]
    assert {one.region.key: one.positive for one in judged} == POSITIVE
    assert {one.region.key: one.negative for one in judged} == {**NEGATIVE, "21": None}
    assert [one.is_recognised for one in judged] == [True, True, False, False]
    assert [one.unreadable for one in judged] == [0, 0, 1, 0]
    scores = bench_scores(judged, draws=50)
    positive, negative = sum(POSITIVE.values()) / 4, sum(NEGATIVE.values()) / 3
    assert scores["dlc_positive"] == pytest.approx(positive)
    assert scores["dlc_negative"] == pytest.approx(negative)
    assert scores["dlc_average"] == pytest.approx((positive + negative) / 2)
    assert scores["dlc_recognised"] == 0.5
    assert (scores["regions"], scores["questions"], scores["unreadable"]) == (4, 13, 1)
    assert scores["intervals"].keys() == {"dlc_positive", "dlc_negative", "dlc_average", "dlc_recognised"}


def test_an_unreadable_recognition_gives_no_points(tmp_path: Path) -> None:
    region = read_bench(write_bench(tmp_path / "b"))[0]
    judged = judge_region(region, ["maybe", *ANSWERS["11"][1:]])
    assert (judged.positive, judged.negative, judged.is_recognised, judged.unreadable) == (0, 0, False, 1)


def test_draws_without_negative_questions_have_no_negative_score(tmp_path: Path) -> None:
    regions = read_bench(write_bench(tmp_path / "b"))[2:]  # each in a picture of its own
    scores = bench_scores([judge_region(region, ANSWERS[region.key]) for region in regions])
    assert scores["intervals"]["dlc_negative"] == (-1, -1)


def test_without_negative_questions_there_is_no_average(tmp_path: Path) -> None:
    region = read_bench(write_bench(tmp_path / "b"))[3]
    scores = bench_scores([judge_region(region, ANSWERS["21"])], draws=10)
    assert scores["dlc_negative"] is None
    assert scores["dlc_average"] is None
    assert scores["dlc_positive"] == 0
