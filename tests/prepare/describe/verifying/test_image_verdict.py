"""The descriptions of an image's regions against each other, and the choice of the best."""

from grounding.boxes import Box
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import TeacherRegion
from prepare.describe.verifying.description import (
    AMBIGUOUS,
    NO_ANSWER,
    NO_LABEL,
    NOT_BEST,
    REPEATED,
    Description,
)
from prepare.describe.verifying.image_verdict import judge_texts, keep_best
from prepare.servers.answer_log import LoggedAnswer

SETTINGS = DescribeSettings(base_url="http://a/v1", model="m", output_dir="o")
REGIONS = [TeacherRegion(Box(0, 0, 9, 9), "dog"), TeacherRegion(Box(9, 9, 18, 18), "dog")]


def answers(*texts: str | None) -> list[LoggedAnswer | None]:
    return [
        None if text is None else LoggedAnswer(text, False, None, 0, "2026-01-01", "teacher")
        for text in texts
    ]


def test_what_names_two_regions_names_none() -> None:
    first = answers(
        "the dog on the left", "The dog on the grass.", None, "the dog on the left!", "the cat there"
    )
    second = answers("the dog on the grass", "the dog on the right")
    judged = judge_texts(REGIONS, {0: first, 1: second}, SETTINGS, {})
    assert [item.reason for item in judged[0]] == [None, AMBIGUOUS, NO_ANSWER, REPEATED, NO_LABEL]
    assert [item.reason for item in judged[1]] == [AMBIGUOUS, None]


def test_a_text_that_breaks_a_rule_makes_no_other_ambiguous() -> None:
    regions = [REGIONS[0], TeacherRegion(Box(9, 9, 18, 18), "cat")]
    text = "the dog on the left"
    judged = judge_texts(regions, {0: answers(text), 1: answers(text)}, SETTINGS, {})
    assert [item.reason for items in judged for item in items] == [None, NO_LABEL]


def test_the_best_overlap_then_the_shortest_is_kept() -> None:
    found = [
        Description(0, "a dog over there", iou=0.8),
        Description(1, "a dog there on the left", iou=0.9),
        Description(2, "a dog there, left", iou=0.9),
        Description(3, "dropped", reason="coordinates"),
    ]
    assert [item.reason for item in keep_best(found, 1)] == [NOT_BEST, NOT_BEST, None, "coordinates"]
    assert [item.reason for item in keep_best(found, 2)] == [NOT_BEST, None, None, "coordinates"]
    assert [item.reason for item in keep_best(found, 9)] == [None, None, None, "coordinates"]
