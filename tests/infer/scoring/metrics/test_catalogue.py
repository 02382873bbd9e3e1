import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infer.scoring.inputs import read_evaluation
from infer.scoring.metric_texts import flat_metrics
from infer.scoring.metrics.catalogue import FAMILIES, METRICS, METRICS_AS_SAVED
from infer.scoring.metrics.metric import GROUPS
from infer.scoring.scorecard import score_predictions
from tests.infer.scoring.made_predictions import right_answers, write_rows, write_two_runs


@pytest.fixture
def predictions(dataset: Any) -> Path:
    """Scored answers to questions of every kind: everything, one category, an expression, and nothing."""
    path = dataset.path / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for image, asked in zip(content["images"], ("red square", "green circle", "it", "nobody"), strict=False):
        image |= {"asked": asked, "negative": None}
    absent = {content["images"][place]["id"] for place in (1, 3)}
    content["annotations"] = [item for item in content["annotations"] if item["image_id"] not in absent]
    rows = right_answers(dataset.path)
    for row in rows:
        row["detections"][0]["score"] = 0.5
    path.write_text(json.dumps(content), encoding="utf-8")
    return write_rows(dataset.path / "predictions.jsonl", rows)


def test_every_metric_that_is_written_has_a_name(dataset: Any, tmp_path: Path) -> None:
    runs = write_two_runs(tmp_path, dataset.path)
    saved = json.loads((runs["after"] / "scores.json").read_text(encoding="utf-8"))
    flat = flat_metrics(saved)
    assert len(flat) > 20
    tables = {"intervals", "bootstrap", "per_category", "negatives_by_choice", "problems", "limits"}
    tables |= {"category_intervals", "by_kind"}
    assert set(saved) - set(METRICS) == tables | {"most_frequent_unknown_labels"}
    assert set(METRICS) <= set(saved)
    assert "per_category" in saved
    assert "per_category" not in flat


def test_every_family_measures_the_metrics_that_it_names(predictions: Path) -> None:
    evaluation = read_evaluation(predictions, predictions.parent)
    for family in FAMILIES:
        measured = family.measure(evaluation)
        assert measured.values.keys() == family.metrics.keys()
        drawn = measured.resample(evaluation.draw(3)).values
        assert drawn.keys() <= family.metrics.keys()
        assert {values.shape for values in drawn.values()} <= {(3,)}


def test_no_key_has_two_meanings() -> None:
    counts = Counter(key for family in FAMILIES for key in family.metrics)
    assert set(counts.values()) == {1}
    assert METRICS == METRICS_AS_SAVED  # in another order


def test_reports_show_group_after_group() -> None:
    groups = [metric.group for metric in METRICS.values()]
    assert groups == sorted(groups, key=GROUPS.index)
    assert list(METRICS)[-1] == "negatives"


def test_optional_metrics_follow_the_tables_in_scores_json(predictions: Path) -> None:
    saved = list(score_predictions(predictions, predictions.parent, draws=0).as_json())
    places = {key: saved.index(key) for key in METRICS}
    for key, metric in METRICS.items():
        assert (places[key] > saved.index("most_frequent_unknown_labels")) == metric.is_optional
        assert (places[key] < saved.index("intervals")) != metric.is_optional
    assert saved[:3] == ["AP", "AP50", "AP75"]
    assert saved[-1] == "pope_questions"
