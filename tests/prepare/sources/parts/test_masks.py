"""Boxes around segmentations agree with pycocotools."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from prepare.sources.parts.masks import box_of_segmentation

masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 1))
)


@given(masks)
def test_runs_and_their_compressed_form(mask: Any) -> None:
    encoded = coco_mask.encode(np.asfortranarray(mask))
    box = box_of_segmentation({"size": encoded["size"], "counts": encoded["counts"].decode()})
    flat = mask.flatten(order="F")
    edges = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), len(flat)]
    runs = [last - first for first, last in pairwise(edges)]
    plain = box_of_segmentation({"size": list(mask.shape), "counts": [0, *runs] if flat[0] else runs})
    assert plain == box
    if not mask.any():
        assert box is None
    else:
        rows, columns = np.nonzero(mask)
        assert box is not None
        assert box.xyxy == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_long_runs_survive_compression() -> None:
    mask = np.zeros((700, 900), np.uint8)
    mask[100:600, 200:850] = 1
    encoded = coco_mask.encode(np.asfortranarray(mask))
    box = box_of_segmentation({"size": [700, 900], "counts": encoded["counts"].decode()})
    assert box is not None
    assert box.xyxy == (200, 100, 850, 600)


@pytest.mark.parametrize(
    "value",
    [
        *(None, 5, "x", [], [[]], [[1, 2]], [[1, 2, 3, 4, 5]], [["a"] * 6], {"counts": [5]}),
        *(
            {"size": [2, 2], "counts": [1, 9]},
            {"size": [2], "counts": [2]},
            {"size": [2, 2], "counts": "\x00~"},
        ),
        *(
            {"size": [2, 2], "counts": [-1, 5]},
            {"size": [10**9, 10**9], "counts": [0, 10**18]},
            {"size": "ab"},
        ),
    ],
)
def test_what_is_no_segmentation_has_no_box(value: Any) -> None:
    found = box_of_segmentation(value)
    assert found is None or found.has_area


def test_outlines() -> None:
    several = [[10, 10, 60, 10, 60, 40], [5, 20, 7, 20, 7, 90]]
    found = box_of_segmentation(several)
    assert found is not None
    assert found.xyxy == (5, 10, 60, 90)
    assert box_of_segmentation([10, 10, 60, 10, "60", 40]) == box_of_segmentation([several[0]])
