from dataclasses import replace

from grounding.boxes import Box
from grounding.samples import Detection
from infer.asking.merged_answers import merge_answers, suppress_overlaps
from infer.asking.parsed_answers import ParsedAnswer


def test_suppression_is_by_class_and_score() -> None:
    first, better = Detection("a", Box(0, 0, 10, 10), 0.4), Detection("a", Box(0, 0, 10, 9), 0.9)
    other, apart = Detection("b", Box(0, 0, 10, 10), 0.1), Detection("a", Box(20, 0, 30, 10), 0.2)
    assert suppress_overlaps([first, better, other, apart]) == (better, apart, other)
    plain = [replace(item, score=None) for item in (first, better, apart)]
    assert suppress_overlaps(plain) == (plain[0], plain[2])


def test_a_merged_answer_keeps_every_text_and_every_problem() -> None:
    box = Detection("a", Box(0, 0, 10, 10))
    first, second = ParsedAnswer("one", (box,), ("truncated",)), ParsedAnswer("two", (), ("no area",))
    merged = merge_answers([("x", first), ("y", second)], [box, box])
    assert merged == ParsedAnswer("[x] one\n[y] two", (box, box), ("truncated", "no area"))


def test_boxes_at_one_place_of_two_pictures_are_two_objects() -> None:
    here, there = Detection("a", Box(0, 0, 10, 10)), Detection("a", Box(0, 0, 10, 10), picture=1)
    assert suppress_overlaps([here, there, here]) == (here, there)
