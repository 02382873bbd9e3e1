import json
from pathlib import Path

import pytest

from grounding.errors import UserError
from infer.report.asked_model import AskedModel, model_of_run
from infer.report.report_settings import ThresholdSettings
from infer.report.rules.rules_file import read_rules
from infer.report.threshold.chosen_threshold import choose_threshold
from infer.report.threshold.threshold_file import load_threshold
from tests.infer.report.drawn_defects import LABELS, RULES, write_parts

BAD = ("scratch", (10, 10, 30, 20), 0.5)
HARMLESS = ("scratch", (70, 10, 90, 20), 0.5)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run on 20 bad parts, with scores from 0.31, and 20 good ones, up to 0.36; one is unreadable."""
    write_parts(tmp_path / "data", [[BAD] for _ in range(20)] + [[HARMLESS] for _ in range(20)])
    rows = []
    for number in range(1, 41):
        score = 0.3 + number / 100 if number <= 20 else (number - 21) / 50
        found = [{"label": "scratch", "box": [10, 10, 30, 20], "score": score}]
        row = {"image_id": number, "image": f"images/{number:06}.png", "detections": found, "problems": []}
        rows.append(row if number != 40 else {**row, "detections": [], "problems": ["truncated"]})
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = f"checkpoint: model\ndataset: {tmp_path}/data\noutput_dir: {folder}\nscore: min_prob\n"
    (folder / "infer.yaml").write_text(recipe)
    (folder / "fingerprints.json").write_text('{"checkpoint": "abc"}')
    (tmp_path / "rules.yaml").write_text(RULES)
    return folder


def settings(run: Path, **changes: float) -> ThresholdSettings:
    folder = run.parent
    return ThresholdSettings(
        rules=str(folder / "rules.yaml"), output=str(folder / "threshold.json"), **changes
    )  # type: ignore[arg-type]


def load(run: Path, **changes: str) -> float:
    asked = model_of_run(run / "predictions.jsonl")
    note = {**asked.note, **changes}
    rules = read_rules(run.parent / "rules.yaml", LABELS)
    return load_threshold(run.parent / "threshold.json", rules, AskedModel(note, asked.keys))["threshold"]  # type: ignore[arg-type]


def test_the_threshold_for_a_recall_is_saved_with_its_errors(run: Path) -> None:
    report = choose_threshold(run, settings(run, recall=0.9))
    # Of 20 bad parts one may be missed, as (1 + 1) / (20 + 1) <= 0.1: the second lowest score.
    assert load(run) == pytest.approx(0.32)
    saved = json.loads((run.parent / "threshold.json").read_text())
    assert saved["same_pictures"]["missed"] | {"low": 0, "high": 0} == {
        "count": 1, "total": 20, "share": 0.05, "low": 0, "high": 0
    }  # fmt: skip
    assert saved["same_pictures"]["false_alarms"]["count"] == 4  # 0.32, 0.34, 0.36, and the unreadable one
    assert saved["held_out"]["missed"]["total"] == 20
    assert "5.0% (0.9 to 23.6 %), 1 of 20" in report  # Wilson's interval of 1 of 20
    assert "threshold 0.32 for recall=0.9" in report


def test_the_threshold_of_the_least_cost(run: Path) -> None:
    choose_threshold(run, settings(run, cost_missed=100, cost_false_alarm=1))
    assert load(run) == pytest.approx(0.31)
    choose_threshold(run, settings(run, cost_missed=1, cost_false_alarm=100))
    assert load(run) == pytest.approx(0.37)
    path = run / "predictions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows[:20]:
        row["detections"] = []
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match="cheapest to let every picture pass"):
        choose_threshold(run, settings(run, cost_missed=1, cost_false_alarm=100))


def test_it_is_for_these_rules_and_this_model_alone(run: Path) -> None:
    choose_threshold(run, settings(run, recall=0.9))
    with pytest.raises(UserError, match="chosen for another model, model: run `python"):
        load(run, fingerprint="other")
    with pytest.raises(UserError, match="chosen with score=min_prob, and not calibrated"):
        load(run, score="calibrated")
    (run / "infer.yaml").write_text((run / "infer.yaml").read_text() + "zoom: tiles\n")
    with pytest.raises(UserError, match=r"chosen with other keys: zoom=tiles \(was none\)"):
        load(run)
    (run.parent / "rules.yaml").write_text(RULES.replace("0.1}", "0.2}"))
    with pytest.raises(UserError, match="chosen for other rules"):
        load(run)
    (run.parent / "threshold.json").write_text('{"threshold": 0.5}')
    with pytest.raises(UserError, match=r"not a threshold \(no format\)"):
        load(run)


def test_what_no_threshold_can_be_chosen_on_is_refused(run: Path) -> None:
    with pytest.raises(UserError, match=r"recall=0.99 needs at least 99 bad pictures"):
        choose_threshold(run, settings(run, recall=0.99))
    path = run / "predictions.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row["detections"] = [{**found, "score": None} for found in row["detections"]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match="no box has a confidence"):
        choose_threshold(run, settings(run, recall=0.9))
    (run.parent / "rules.yaml").write_text(RULES.replace("severity: minor", "severity: critical"))
    with pytest.raises(UserError, match="no box has a confidence"):
        choose_threshold(run, settings(run, recall=0.9))
    assert not (run.parent / "threshold.json").exists()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "set recall=0.95, or both"),
        ({"recall": 0.9, "cost_missed": 1.0}, "set recall=0.95, or both"),
        ({"cost_missed": 1.0}, "set recall=0.95, or both"),
        ({"recall": 1.0}, "not above 0 and below 1"),
        ({"cost_missed": 0.0, "cost_false_alarm": 1.0}, "cost_missed: 0.0 is not a cost"),
    ],
)
def test_settings_without_a_meaning_are_refused(keys: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ThresholdSettings(rules="rules.yaml", **keys)  # type: ignore[arg-type]
