"""Boxes that a head learns from: what they match, and how much each counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.boxes import Box, Size
from grounding.matching import match_detections
from grounding.samples import Detection
from train.box_head.learned_boxes import (
    MOST_BALANCE,
    balanced_shares,
    held_out_rows,
    join_boxes,
    learn_boxes,
    match_with_truth,
    no_boxes,
)

CUP = Detection("cup", Box(0.1, 0.1, 0.5, 0.5))
OTHER_CUP = Detection("cup", Box(0.6, 0.6, 0.9, 0.9))


def test_a_box_matches_the_best_object_of_its_label_and_each_object_once() -> None:
    found = [
        Detection("cup", Box(0.1, 0.1, 0.45, 0.5)),
        Detection("cup", Box(0.1, 0.1, 0.5, 0.5)),
        Detection("plate", Box(0.1, 0.1, 0.5, 0.5)),
        Detection("cup", Box(0.6, 0.6, 0.9, 0.8)),
        Detection("cup", Box(0.0, 0.0, 0.2, 0.2)),
    ]
    assert match_with_truth(found, [OTHER_CUP, CUP]) == [None, CUP.box, None, OTHER_CUP.box, None]


boxes = st.builds(
    lambda x, y, width, height: Box(x, y, x + width, y + height),
    *(st.sampled_from([0.0, 0.1, 0.2, 0.3]),) * 2,
    *(st.sampled_from([0.2, 0.3, 0.4]),) * 2,
)
detections = st.lists(st.builds(Detection, st.sampled_from("ab"), boxes), max_size=6)


@given(detections, detections)
def test_the_matches_are_those_of_the_scores(found: list[Detection], objects: list[Detection]) -> None:
    ious = match_detections(found, objects).ious
    matched = match_with_truth(found, objects)
    assert [box is not None for box in matched] == [value > 0 for value in ious]


def test_an_answer_becomes_rows_in_shares_of_its_image() -> None:
    states = np.ones((2, 10, 3), "float32")
    found = [CUP, Detection("plate", Box(0.0, 0.0, 0.5, 1.0))]
    learned = learn_boxes(
        found, [Detection("cup", Box(0.1, 0.1, 0.5, 0.45))], states, Size(100, 200), image=7
    )
    assert learned.matched.tolist() == [1, 0]
    assert learned.written[0] == pytest.approx(CUP.box.xyxy)
    assert learned.wanted.tolist() == [pytest.approx([0.1, 0.1, 0.5, 0.45]), [0, 0, 0, 0]]
    assert learned.areas.tolist() == pytest.approx([40 * 70, 50 * 200])
    assert learned.images.tolist() == [7, 7]
    both = join_boxes([learned, learned])
    assert (both.count, both.chosen(both.matched > 0).count) == (4, 2)
    assert no_boxes().count == 0


def test_sizes_count_the_same_together() -> None:
    areas = np.array([100.0] * 5 + [32.0**2] + [50.0**2] * 4 + [200.0**2] * 2)
    shares = balanced_shares(areas)
    assert [float(shares[part].sum()) for part in (slice(6), slice(6, 10), slice(10, 12))] == pytest.approx(
        [4.0] * 3
    )
    assert balanced_shares(areas[:6]).tolist() == [1.0] * 6
    rare = balanced_shares(np.array([100.0] * 999 + [200.0**2]))
    assert float(rare[-1]) == MOST_BALANCE


def test_all_boxes_of_an_image_are_held_out_together() -> None:
    images = np.repeat(np.arange(20), 3)
    held = held_out_rows(images, 0.1, seed=4)
    assert held.sum() == 6
    assert len(set(images[held].tolist())) == 2
    assert held.tolist() == held_out_rows(images, 0.1, seed=4).tolist()
    assert held.tolist() != held_out_rows(images, 0.1, seed=5).tolist()
    for share in (0.01, 0.99):
        assert 0 < held_out_rows(np.array([1, 1, 2]), share, seed=0).sum() < 3
