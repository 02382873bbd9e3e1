from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infer.scoring.changes import NotComparableError, find_changes, metric_changes
from infer.scoring.inputs import read_evaluation
from tests.infer.scoring.made_predictions import right_answers, write_scored_run, write_two_runs
from tests.infer.several_pictures import GROUPS, join_questions


@pytest.fixture
def runs(dataset: Any, tmp_path: Path) -> dict[str, Path]:
    return write_two_runs(tmp_path, dataset.path)


def test_the_interval_of_a_change_draws_the_same_images_for_both(runs: dict[str, Path]) -> None:
    before, after = (read_evaluation(folder / "predictions.jsonl") for folder in runs.values())
    changes = metric_changes(before, after)
    low, high = changes["recall_50"].interval or (0, 0)
    assert low < 0 < 1 / 7 < high
    same = metric_changes(before, before)
    # Whoever finds all that another finds is never worse, whichever images are drawn.
    nothing = replace(
        before, predictions=tuple(replace(item, detections=()) for item in before.predictions[:3])
    )
    part = replace(before, predictions=(*nothing.predictions, *before.predictions[3:]))
    low, high = metric_changes(part, before)["recall_50"].interval or (1, -1)
    assert low == 0 < 1 / 7 < high
    assert all(item.change == 0 and item.interval in (None, (0, 0)) for item in same.values())
    assert same["f1_50"].interval == (0, 0)


def test_runs_on_other_images_are_compared_on_those_that_both_answered(
    runs: dict[str, Path], dataset: Any, tmp_path: Path
) -> None:
    few = right_answers(dataset.path)[:2]
    runs["after"] = write_scored_run(tmp_path / "few", few, dataset.path, dataset.path)
    changes = find_changes(runs, None)
    assert changes.common_images == 2
    assert changes.metrics["recall_50"].change == 1
    assert [item.image_id for item in changes.images] == [101, 102]


def test_runs_on_two_data_sets_have_no_common_change(
    runs: dict[str, Path], dataset: Any, tmp_path: Path
) -> None:
    other = write_scored_run(
        tmp_path / "other", right_answers(dataset.path), tmp_path / "elsewhere", dataset.path
    )
    with pytest.raises(NotComparableError, match="the runs are about different data sets"):
        find_changes({**runs, "other": other}, None)


def test_questions_with_several_pictures_are_compared_picture_by_picture(
    dataset: Any, tmp_path: Path
) -> None:
    join_questions(dataset.path)
    found = {row["image_id"]: row["detections"][0] for row in right_answers(dataset.path)}

    def rows(place_of: dict[int, int]) -> list[dict[str, Any]]:
        """Return an answer to each question; `place_of` has pictures whose box stands in another place."""
        return [
            {
                "image_id": group[0],
                "pictures": [{"image_id": number} for number in group],
                "detections": [
                    {**found[group[place_of.get(number, place)]], "picture": place_of.get(number, place)}
                    for place, number in enumerate(group)
                ],
            }
            for group in GROUPS
        ]

    folders = {
        "before": write_scored_run(tmp_path / "before", rows({103: 1}), dataset.path, dataset.path),
        "after": write_scored_run(tmp_path / "after", rows({}), dataset.path, dataset.path),
    }
    changes = find_changes(folders, None)
    assert changes.common_images == 7
    assert [item.image_id for item in changes.images] == [103, 104]
    assert changes.metrics["wrong_picture"].change == pytest.approx(-1 / 5)
