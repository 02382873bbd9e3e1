"""Scores against how often boxes are right."""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from grounding.boxes import Box
from grounding.samples import Detection
from infer.reliability import measure_reliability, right_or_wrong
from infer.runs.predictions import Prediction

ROOT = Path(__file__).parents[2]


def test_bins_hold_their_upper_edge() -> None:
    bins = measure_reliability([(0.1, True), (0.3, True), (0.30001, False), (1.0, True), (1e-6, False)]).bins
    assert [item.boxes for item in bins] == [2, 0, 1, 1, 0, 0, 0, 0, 0, 1]
    assert (bins[0].precision, bins[2].precision, bins[3].precision) == (0.5, 1.0, 0.0)
    assert (bins[1].precision, bins[1].mean_score) == (None, None)


def test_calibrated_scores_have_no_error_and_sure_ones_have_a_large_one() -> None:
    chance = random.Random(0)
    calibrated = [(score, chance.random() < score) for score in (chance.random() for _ in range(20000))]
    measured = measure_reliability(calibrated)
    assert measured.calibration_error < 0.02
    assert measured.auroc == pytest.approx(5 / 6, abs=0.01)  # of uniform scores that are true
    sure = measure_reliability([(1.0, is_right) for _, is_right in calibrated])
    assert sure.calibration_error == pytest.approx(0.5, abs=0.01)
    assert sure.auroc == 0.5


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=30))
def test_numbers_equal_their_definitions(scored: list[tuple[float, bool]]) -> None:
    measured = measure_reliability(scored)
    right = [score for score, is_right in scored if is_right]
    wrong = [score for score, is_right in scored if not is_right]
    wins = [(high > low) + (high == low) / 2 for high in right for low in wrong]
    assert measured.auroc == (pytest.approx(sum(wins) / len(wins)) if wins else None)
    error = 0.0
    for value in {score for score, _ in scored}:  # each value has a bin of its own
        group = [is_right for score, is_right in scored if score == value]
        error += len(group) / len(scored) * abs(value - sum(group) / len(group))
    assert measured.calibration_error == pytest.approx(error)


def test_a_box_is_right_where_it_matches_an_object_of_its_label() -> None:
    truth = Box(0, 0, 10, 10)
    found = (
        Detection("cat", truth, 0.9),
        Detection("cat", truth, 0.8),  # the object is taken
        Detection("dog", truth, 0.7),
        Detection("cat", Box(50, 50, 60, 60), 0.6),  # in the crowd
        Detection("cat", Box(0, 0, 10, 4.9), None),
    )
    objects = {1: [Detection("cat", truth)]}
    crowds = {1: [Detection("cat", Box(40, 40, 99, 99))]}
    judged = right_or_wrong([Prediction(1, found, ())], objects, crowds)
    assert judged == [(0.9, True), (0.8, False), (None, False), (0.7, False)]


def run(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "infer.reliability", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_picture_numbers_and_table_are_written(dataset: Any, tmp_path: Path) -> None:
    rows = []
    content = json.loads((dataset.path / "annotations_val.json").read_text(encoding="utf-8"))
    for place, item in enumerate(content["annotations"]):
        x, y, width, height = item["bbox"]
        box = [x, y, x + width, y + height] if place % 2 else [0, 0, 1, 1]
        found = {"label": "red square", "box": box, "score": 0.85 if place % 2 else 0.15}
        rows.append({"image_id": item["image_id"], "detections": [found]})
    path = tmp_path / "predictions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shown = run(path, "--dataset", dataset.path)
    assert shown.returncode == 0, shown.stderr
    assert "7 boxes, 0 without a score; calibration error 0.150, AUROC 1.000" in shown.stdout
    saved = json.loads((tmp_path / "reliability.json").read_text(encoding="utf-8"))
    assert [item["boxes"] for item in saved["bins"]] == [0, 4, 0, 0, 0, 0, 0, 0, 3, 0]
    with Image.open(tmp_path / "reliability.png") as picture:
        assert picture.size == (600, 720)
    before = (tmp_path / "reliability.png").read_bytes()
    assert run(path, "--dataset", dataset.path).returncode == 0
    assert (tmp_path / "reliability.png").read_bytes() == before


def test_predictions_without_scores_and_without_a_data_set_are_refused(dataset: Any, tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_text('{"image_id": 101, "detections": [{"label": "x", "box": [0, 0, 1, 1]}]}\n')
    shown = run(path, "--dataset", dataset.path)
    assert shown.returncode == 2
    assert "no box has a score: ask with score=mean_logprob" in shown.stderr
    assert "add --dataset DIR" in run(path).stderr
