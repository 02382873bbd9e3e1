from collections import Counter
from dataclasses import replace

from grounding.boxes import Box, Size
from grounding.candidates.detector_results import NO_AREA_ON_GRID, OUTSIDE, TWICE, DetectedBox
from grounding.candidates.listing import ListingRules
from grounding.prompts import candidate_wordings

SIZE = Size(100, 100)
RULES = ListingRules(7, candidate_wordings("any"), most=3)
FOUND = [DetectedBox(Box(n, n, n + 10, n + 10), "dog", n / 100) for n in (10, 20, 30, 40)]


def test_the_best_are_chosen() -> None:
    items = RULES.choose(FOUND, SIZE)
    assert [item.score for item in items] == [0.4, 0.3, 0.2]
    assert items[0].box == (400, 400, 500, 500)


def test_what_cannot_be_listed_is_counted() -> None:
    faults: Counter[str] = Counter()
    odd = [
        DetectedBox(Box(-50, -50, -1, -1), "dog", 0.9),
        DetectedBox(Box(1, 1, 1.001, 2), "dog", 0.9),
        DetectedBox(Box(10, 10, 20, 20.001), "dog", 0.1),
        DetectedBox(Box(90, 90, 120, 110), "dog", None),
    ]
    items = replace(RULES, most=30).choose([*FOUND, *odd], SIZE, faults)
    assert faults == {OUTSIDE: 1, NO_AREA_ON_GRID: 1, TWICE: 1}
    assert items[-1].box == (900, 900, 1000, 1000)  # cut off at the image's border, without a score last


def test_labels_that_are_not_shown_make_no_difference() -> None:
    pair = [DetectedBox(FOUND[0].box, label, 0.5) for label in ("cat", "dog")]
    assert len(RULES.choose(pair, SIZE)) == 2
    assert len(replace(RULES, shows_labels=False).choose(pair, SIZE)) == 1


def test_a_list_depends_on_seed_image_and_question_alone() -> None:
    items = replace(RULES, most=30).choose(
        [DetectedBox(Box(n, n, n + 5, n + 5), "dog", 0.5) for n in range(0, 90, 5)], SIZE
    )

    def boxes(seed: int, image: str, question: str) -> list[object]:
        made = replace(RULES, seed=seed).make_list(items, image, question)
        assert made is not None
        assert sorted(made.items, key=lambda item: item.box) == sorted(items, key=lambda item: item.box)
        return [item.box for item in made.items]

    assert boxes(1, "a", "q") == boxes(1, "a", "q")
    others = [boxes(2, "a", "q"), boxes(1, "b", "q"), boxes(1, "a", "r")]
    assert all(other != boxes(1, "a", "q") for other in others)
    kept = replace(RULES, shuffles=False).make_list(items, "a", "q")
    assert kept is not None
    assert kept.items == tuple(items)


def test_no_candidate_makes_no_list() -> None:
    assert RULES.make_list([], "a", "q") is None
