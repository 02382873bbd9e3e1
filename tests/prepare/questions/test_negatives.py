from collections import Counter
from pathlib import Path

import pytest

from prepare.questions.negatives import CoOccurrence, Phrases, TrainingStatistics, pick
from prepare.source_types import Annotation, Place, Query, RawObjects

NAMES = ("person", "dog", "cat", "car", "kite")
IMAGES = [
    {"person", "dog"},
    {"person", "dog"},
    {"person", "dog", "kite"},
    {"person", "car"},
    {"car"},
    {"car"},
    {"car"},
    {"cat", "kite"},
]


@pytest.fixture
def co_occurrence() -> CoOccurrence:
    made = CoOccurrence(NAMES)
    for present in IMAGES:
        made.add(present)
    return made


def test_popular_takes_the_most_frequent_absent_categories(co_occurrence: CoOccurrence) -> None:
    assert list(co_occurrence.rank("popular", frozenset({"dog"}), ())) == ["person", "car", "kite", "cat"]
    assert list(co_occurrence.rank("popular", frozenset({"person", "car"}), ())) == ["dog", "kite", "cat"]


def test_adversarial_takes_what_occurs_together_with_the_present(co_occurrence: CoOccurrence) -> None:
    # Beside a dog: person three times, kite once, the others never; of these the frequent first.
    assert list(co_occurrence.rank("adversarial", frozenset({"dog"}), ())) == ["person", "kite", "car", "cat"]
    # Beside a cat or a kite: person and dog once each, then the frequent.
    assert next(co_occurrence.rank("adversarial", frozenset({"cat", "kite"}), ())) == "person"


def test_random_depends_on_the_key_alone_and_reaches_everything(co_occurrence: CoOccurrence) -> None:
    present = frozenset({"dog"})
    orders = [tuple(co_occurrence.rank("random", present, (42, image))) for image in range(200)]
    assert orders == [tuple(co_occurrence.rank("random", present, (42, image))) for image in range(200)]
    assert all(sorted(order) == sorted(set(NAMES) - present) for order in orders)
    firsts = Counter(order[0] for order in orders)
    assert set(firsts) == set(NAMES) - present
    assert max(firsts.values()) < 100


def test_pick_gives_different_names_with_their_choice(co_occurrence: CoOccurrence) -> None:
    def rank(choice: str) -> object:
        return co_occurrence.rank(choice, frozenset({"dog"}), (1,))

    assert pick(2, "popular", rank, (1,)) == [("person", "popular"), ("car", "popular")]
    assert len(pick(9, "random", rank, (1,))) == 4  # there are no more absent ones
    mixed = [pair for image in range(60) for pair in pick(2, "mixed", rank, (image,))]
    assert {choice for _, choice in mixed} == {"random", "popular", "adversarial"}
    for image in range(60):
        names = [name for name, _ in pick(4, "mixed", rank, (image,))]
        assert len(set(names)) == 4


def test_expressions_come_from_other_images_and_the_adversarial_from_the_same_category() -> None:
    phrases = Phrases()
    for expression, category in (
        ("man in red", "person"),
        ("boy", "person"),
        ("old car", "car"),
        ("boy", "person"),
    ):
        phrases.add(expression, [category])
    present = frozenset({"man in red"})
    assert list(phrases.rank("adversarial", present, {"person"}, (1,))) == ["boy"]
    assert sorted(phrases.rank("random", present, {"person"}, (1,))) == ["boy", "old car"]
    assert next(phrases.rank("popular", frozenset(), (), (1,))) == "boy"
    # Without categories, any other expression.
    assert sorted(phrases.rank("adversarial", present, (), (1,))) == ["boy", "old car"]


def test_the_order_of_the_source_does_not_matter_for_expressions() -> None:
    rows = [(f"thing {number % 37}", [f"kind {number % 5}"]) for number in range(100)]
    first, second = Phrases(), Phrases()
    for row in rows:
        first.add(*row)
    for row in reversed(rows):
        second.add(*row)
    for choice in ("random", "popular", "adversarial"):
        orders = [
            list(made.rank(choice, frozenset({"thing 3"}), {"kind 1"}, (7,))) for made in (first, second)
        ]
        assert orders[0] == orders[1]
        assert "thing 3" not in orders[0]


def test_statistics_count_known_categories_and_expressions() -> None:
    boxes = [[0, 0, 1, 1]] * 3
    objects = RawObjects(boxes, ["dog", "zebra", None], [None] * 3)
    statistics = TrainingStatistics(NAMES)
    place = Place("train", Path("a.jpg"), 0)
    statistics.add(Annotation(1, "a.jpg", None, (Query(objects, "the dog"),), place, "here"))
    assert statistics.co_occurrence.images == {"dog": 1}
    assert statistics.phrases.by_category == {"dog": {"the dog"}}
