from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import GRID, Box, Size, iou
from grounding.candidates.candidate_list import ListedCandidate
from grounding.candidates.candidate_settings import CandidateQuestions
from prepare.questions.candidates.false_candidates import (
    INVENTED,
    LEFT_OUT,
    MOVED,
    RELABELLED,
    Falsifier,
    jitter_box,
)
from prepare.questions.yes_no.wrong_boxes import WRONG_BELOW

SIZE = Size(200, 100)
OBJECTS = (Box(20, 20, 60, 60), Box(120, 10, 160, 50))
ITEMS = [
    ListedCandidate((100, 200, 300, 600), "cat", 0.9),
    ListedCandidate((600, 100, 800, 500), "dog", 0.4),
]


def make(key: object, **settings: float) -> tuple[list[ListedCandidate], Counter[str]]:
    off = {"jitter": 0.0, "falsified": 0.0, "dropped": 0.0} | settings
    falsifier = Falsifier(CandidateQuestions("file", **off), ("cat", "dog", "cow"))  # type: ignore[arg-type]
    counts: Counter[str] = Counter()
    return falsifier.falsify(ITEMS, SIZE, OBJECTS, (key,), counts), counts


def test_without_shares_nothing_changes() -> None:
    assert make(1) == (ITEMS, {})


def test_everything_depends_on_the_key_alone() -> None:
    shares = {"jitter": 0.1, "falsified": 0.5, "dropped": 0.2}
    assert make(5, **shares) == make(5, **shares)
    assert len({tuple(make(key, **shares)[0]) for key in range(20)}) == 20


def test_shares_are_kept_over_many_questions() -> None:
    total: Counter[str] = Counter()
    for key in range(500):
        total += make(key, falsified=0.3, dropped=0.2)[1]
    assert total[LEFT_OUT] == pytest.approx(200, abs=40)  # 0.2 of 1000
    for kind in (MOVED, RELABELLED, INVENTED):
        assert total[kind] == pytest.approx(80, abs=27)  # a third of 0.3 of the 800 that are left


def test_false_candidates_are_wrong() -> None:
    for key in range(100):
        made, counts = make(key, falsified=1.0)
        known = {item.box for item in ITEMS}
        strange = [item for item in made if item.box not in known]
        assert len(strange) == counts[MOVED] + counts[INVENTED]
        assert all(iou(item.in_pixels(SIZE), box) < WRONG_BELOW for item in strange for box in OBJECTS)
        labels = {item.box: item.label for item in ITEMS}
        renamed = [item for item in made if item.box in known and item.label != labels[item.box]]
        assert len(renamed) == counts[RELABELLED]


@given(
    st.tuples(*[st.integers(0, 400)] * 2, *[st.integers(401, GRID)] * 2),
    st.floats(0, 1),
    st.integers(0, 1000),
)
def test_jitter_moves_sides_by_its_share(box: tuple[int, int, int, int], share: float, key: int) -> None:
    moved = jitter_box(box, share, (key,))
    width, height = box[2] - box[0], box[3] - box[1]
    for before, after, side in zip(box, moved, (width, height) * 2, strict=True):
        assert abs(after - before) <= share * side + 0.5
    assert 0 <= moved[0] < moved[2] <= GRID
    assert 0 <= moved[1] < moved[3] <= GRID
