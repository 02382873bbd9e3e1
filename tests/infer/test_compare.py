"""The command that compares runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from infer.compare import main
from tests.infer.scoring.made_predictions import right_answers, write_scored_run, write_two_runs
from tests.infer.test_score import run


@pytest.fixture
def runs(dataset: Any, tmp_path: Path) -> dict[str, Path]:
    return write_two_runs(tmp_path, dataset.path)


def words(runs: dict[str, Path]) -> list[str]:
    return [f"{name}={folder}" for name, folder in runs.items()]


def test_the_table_has_values_intervals_and_the_change(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out" / "scores.json"
    assert main([*words(runs), "--output", str(output)]) == 0
    shown = capsys.readouterr().out
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert lines["metric"][0] == "before"
    assert lines["recall_50"][0] == "71.4%"
    assert lines["recall_50"][4] == "85.7%"
    assert lines["recall_50"][8] == "+14.3"
    assert lines["images"] == ["7", "7"]
    assert "2 are better and 2 are worse in 'after' than in 'before'" in shown
    ids = [line.split()[1] for line in shown.splitlines() if ".png" in line]
    assert ids == ["101", "102", "107", "103"]  # 0 to 1, 0 to 1, 1 to 0, and a little worse
    saved = json.loads(output.read_text(encoding="utf-8"))
    assert list(saved) == ["before", "after", "comparison"]
    assert {"AP50", "mean_iou", "f1_50", "readable"} <= saved["after"].keys()
    assert saved["comparison"]["metrics"]["recall_50"]["change"] == pytest.approx(1 / 7)
    assert [item["image_id"] for item in saved["comparison"]["images"]] == [101, 102, 107, 103]
    text = output.with_suffix(".md").read_text(encoding="utf-8")
    assert "| recall_50 | 71.4% |" in text
    assert "| 000101.png | 101 | 0.00 | 1.00 | +1.00 |" in text


def test_scores_alone_stand_side_by_side(
    dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = right_answers(dataset.path)
    folders = [
        write_scored_run(tmp_path / name, rows, None, dataset.path) for name in ("one", "two", "three")
    ]
    assert main([*map(str, folders)]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split()[::3] == ["metric", "%", "%", "%"]
    assert "no change image by image: no infer.yaml names a data set" in shown
    assert main([*map(str, folders), "--dataset", str(dataset.path)]) == 0
    assert "0 are better and 0 are worse in 'three' than in 'one'" in capsys.readouterr().out
    (folders[2] / "predictions.jsonl").unlink()
    assert main([*map(str, folders)]) == 0
    assert "predictions.jsonl is missing" in capsys.readouterr().out


def test_mistakes_are_one_line(dataset: Any, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "scores.json").write_text("[]", encoding="utf-8")
    for arguments, message in (
        ([f"before={dataset.path}"], "run `python -m infer.score"),
        ([str(tmp_path / "odd")], "not scores: run `python -m infer.score"),
        ([str(tmp_path / "odd"), "--output", "x.txt"], "give a name that ends in .json"),
    ):
        failed = run("infer.compare", *arguments)
        assert failed.returncode == 2
        assert message in failed.stderr
        assert failed.stderr.count("\n") == 1
