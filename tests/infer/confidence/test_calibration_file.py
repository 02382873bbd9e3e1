import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.confidence.box_features import FEATURE_NAMES
from infer.confidence.calibration import Calibration, FittedOn, Weighing
from infer.confidence.calibration_file import load_calibration, save_calibration

COUNT = len(FEATURE_NAMES)
CALIBRATION = Calibration(
    Weighing(
        FEATURE_NAMES,
        means=tuple(number / 3 for number in range(COUNT)),
        scales=(0.1,) * COUNT,
        lows=(-1.0,) * COUNT,
        highs=(1.0,) * COUNT,
        weights=tuple(number / 7 - 1 for number in range(COUNT)),
        bias=-0.25,
        knots=((0.1, 0.0), (0.9, 1.0)),
    ),
    FittedOn(
        "hash", "source", "train", "json", ("a", "b"), 60, 30, {"request": {"top_k": 1}}, {"numpy": "1"}
    ),
    {"AUROC": 0.9},
)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    save_calibration(CALIBRATION, path)
    assert load_calibration(path) == CALIBRATION


Damage = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content.update(version=2), "made by another version"),
        (lambda content: content["weighing"]["names"].reverse(), "made by another version"),
        (lambda content: content.pop("weighing"), "no weighing"),
        (lambda content: content["weighing"].update(bias="1"), r"weighing\.bias"),
        (
            lambda content: content["weighing"]["weights"].pop(),
            r"weighing\.weights: \d+ numbers for \d+ names",
        ),
        (lambda content: content["weighing"]["means"].__setitem__(0, float("nan")), "not finite"),
        (lambda content: content["weighing"]["scales"].__setitem__(0, 0.0), "scales above 0"),
        (lambda content: content["weighing"].update(bias=float("inf")), "bias that is finite"),
        (lambda content: content["weighing"].update(knots=[[0.5, 0.1], [0.1, 0.2]]), "rising pairs"),
        (lambda content: content["weighing"].update(knots=[[0.5, 1.5]]), "rising pairs"),
        (lambda content: content["weighing"].update(knots=[[0.5]]), "rising pairs"),
        (lambda content: content["weighing"].update(knots=[[float("nan"), 0.5]]), "rising pairs"),
        (lambda content: content["fitted_on"].update(images=3), r"fitted_on\.images"),
        (lambda content: content["fitted_on"].update(keys=[]), r"fitted_on\.keys"),
        (lambda content: content["fitted_on"].pop("split"), r"no fitted_on\.split"),
    ],
)
def test_a_strangers_file_is_refused_in_one_line(tmp_path: Path, damage: Damage, message: str) -> None:
    path = tmp_path / "calibration.json"
    save_calibration(CALIBRATION, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    damage(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match=f"calibration.json: .*{message}.*infer.calibrate"):
        load_calibration(path)


def test_what_else_a_file_holds_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    save_calibration(CALIBRATION, path)
    content = json.loads(path.read_text(encoding="utf-8"))
    for part in (content, content["weighing"], content["fitted_on"]):
        part["note"] = "by hand"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert load_calibration(path) == CALIBRATION


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"version": 1}'])
def test_what_is_no_calibration_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"calibration\.json: (not|holds)"):
        load_calibration(path)


def test_a_missing_file_says_what_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file: run `python -m infer\.calibrate`"):
        load_calibration(tmp_path / "calibration.json")
