"""One small data set, and what a run predicted on it."""

from pathlib import Path

import pytest

from grounding.boxes import Box, Size
from grounding.samples import Detection
from tests.prepare.export.made_data_sets import box, sample, write_dataset, write_predictions

SIZE = Size(100, 50)
CROWD = Detection("no", Box(0, 0, 90, 40))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two training images and two validation images, one of these with a crowd."""
    return write_dataset(
        tmp_path / "dataset",
        {
            "train": [sample(1, SIZE, [box(10, 5, 20, 10)]), sample(2, SIZE, [box(30, 5, 40, 10, "no")])],
            "val": [
                sample(11, SIZE, [box(1.25, 2, 30, 20)], crowds=(CROWD,), crowd_areas=(7.0,)),
                sample(12, SIZE, [box(5, 5, 15, 25, "007"), box(5, 5, 15, 25, "007")]),
            ],
        },
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two boxes in one image, with and without a score, and none in the other."""
    found = [
        {"label": "cat", "box": [10, 5, 30, 20], "score": 0.75},
        {"label": "红 汽车", "box": [50, 10, 75, 50], "score": None},
    ]
    return write_predictions(tmp_path / "eval", {11: found, 12: []})
