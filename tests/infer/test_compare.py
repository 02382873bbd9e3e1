import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.compare import main, named_runs
from infer.recipe import InferRecipe, save_recipe
from infer.score import report
from infer.scoring.changes import Changes, find_changes, metric_changes
from infer.scoring.evaluation import read_evaluation
from infer.scoring.metric_names import METRICS, flat_metrics
from tests.infer.test_score import right_answers, run, write_rows


def write_run(folder: Path, rows: list[dict[str, Any]], dataset: Path | None, data: Path) -> Path:
    """Write predictions and their scores; with a `dataset`, an infer.yaml that names it."""
    path = write_rows(folder / "predictions.jsonl", rows)
    if dataset is not None:
        save_recipe(
            InferRecipe(checkpoint="model", dataset=str(dataset), output_dir=str(folder), limit=len(rows))
        )
    report(path, data, draws=50)
    return folder


@pytest.fixture
def runs(dataset: Any, tmp_path: Path) -> dict[str, Path]:
    """Two runs: the second finds all that the first finds but one, and two more."""
    before, after = right_answers(dataset.path), right_answers(dataset.path)
    for row in (before[0], before[1], after[6]):
        row["detections"] = []
    after[2]["detections"][0]["box"][2] *= 0.95
    rows = {"before": before, "after": after}
    return {
        name: write_run(tmp_path / name, rows[name], dataset.path, dataset.path)
        for name in ("before", "after")
    }


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
    runs["after"] = write_run(tmp_path / "few", few, dataset.path, dataset.path)
    changes = find_changes(runs, None)
    assert isinstance(changes, Changes)
    assert changes.common_images == 2
    assert changes.metrics["recall_50"].change == 1
    assert [item.image_id for item in changes.images] == [101, 102]


def test_scores_alone_stand_side_by_side(
    dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = right_answers(dataset.path)
    folders = [write_run(tmp_path / name, rows, None, dataset.path) for name in ("one", "two", "three")]
    assert main([*map(str, folders)]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split()[::3] == ["metric", "%", "%", "%"]
    assert "no change image by image: no infer.yaml names a data set" in shown
    assert main([*map(str, folders), "--dataset", str(dataset.path)]) == 0
    assert "0 are better and 0 are worse in 'three' than in 'one'" in capsys.readouterr().out
    (folders[2] / "predictions.jsonl").unlink()
    assert main([*map(str, folders)]) == 0
    assert "predictions.jsonl is missing" in capsys.readouterr().out


def test_runs_on_two_data_sets_have_no_common_change(
    runs: dict[str, Path], dataset: Any, tmp_path: Path
) -> None:
    other = write_run(tmp_path / "other", right_answers(dataset.path), tmp_path / "elsewhere", dataset.path)
    assert find_changes({**runs, "other": other}, None) == "the runs are about different data sets"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["=x"], "is not NAME=DIR"),
        (["a=one", "a=two"], "the name 'a' is taken"),
        (["comparison=one"], "the name 'comparison' is taken"),
    ],
)
def test_names_are_checked(given: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        named_runs(given)


def test_a_folder_may_hold_an_equals_sign(tmp_path: Path) -> None:
    folder = tmp_path / "lr=1"
    folder.mkdir()
    assert named_runs([str(folder), "b=x/y", "z/w"]) == {
        "lr=1": folder, "b": Path("x/y"), "w": Path("z/w"),
    }  # fmt: skip


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


def test_every_metric_that_is_written_has_a_name(runs: dict[str, Path]) -> None:
    saved = json.loads((runs["after"] / "scores.json").read_text(encoding="utf-8"))
    flat = flat_metrics(saved)
    assert len(flat) > 20
    tables = {"intervals", "bootstrap", "per_category", "negatives_by_choice", "problems"}
    assert set(saved) - set(METRICS) == tables | {"most_frequent_unknown_labels"}
    assert set(METRICS) <= set(saved)
    assert "per_category" in saved
    assert "per_category" not in flat
