"""What was gained and lost, from two suites and from a training run: values, intervals, roles, divergence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from grounding.keep.keep_record import KeepPoint, KeptSet, add_point
from grounding.run_record import RunRecord, Start, write_run
from infer.compare import main
from infer.scoring.changes import find_changes
from infer.suite.gained_and_lost import compare_run, compare_suites
from infer.suite.set_changes import mean_change, score_changes
from tests.infer.scoring.made_predictions import right_answers, write_scored_run, write_two_runs

Row = dict[str, Any]


@pytest.fixture
def answered(dataset: Any, tmp_path: Path) -> dict[str, Path]:
    """Answers before and after: recall_50 rises by 1/7."""
    return write_two_runs(tmp_path / "answers", dataset.path)


def row(name: str, values: dict[str, float], folder: Path | None = None) -> Row:
    place = {} if folder is None else {"folder": str(folder)}
    return {"kind": "set", "name": name, "asked": "as_prepared", "sets": 1, "values": values, **place}


def write_suite(folder: Path, rows: list[Row], checkpoint: Path | None = None, draws: int = 100) -> Path:
    folder.mkdir(parents=True)
    table = {"suite": "s", "checkpoint": checkpoint and str(checkpoint), "metrics": ["recall_50", "AP50"]}
    mean = {**row("mean", {"recall_50": 0.5}), "kind": "mean"}
    content = {**table, "bootstrap": {"draws": draws}, "rows": [*rows, mean]}
    (folder / "suite.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def suites(answered: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Set `mine` gets better by 1/7, `old` and `older` worse by as much, in recall_50."""
    before, after = answered.values()
    better = [{"recall_50": 5 / 7}, {"recall_50": 6 / 7}]
    pairs = {"mine": (before, after), "old": (after, before), "older": (after, before)}
    return {
        word: write_suite(
            tmp_path / word,
            [
                row(name, better[place if name == "mine" else 1 - place], pair[place])
                for name, pair in pairs.items()
            ],
        )
        for place, word in enumerate(("base", "tuned"))
    }


def test_new_sets_gain_and_old_ones_lose_with_the_interval_that_two_runs_have(
    suites: dict[str, Path], answered: dict[str, Path]
) -> None:
    found = compare_suites(suites, ["mine"])
    assert [(one.name, one.role, one.score) for one in found.changes] == [
        ("mine", "new", "recall_50"),
        ("old", "old", "recall_50"),
        ("older", "old", "recall_50"),
    ]
    assert [one.change for one in found.changes] == pytest.approx([1 / 7, -1 / 7, -1 / 7])
    expected = find_changes(answered, None).metrics["recall_50"]
    assert found.changes[0].change == expected.change
    for one in (*found.changes, *found.means):
        assert one.interval is not None
        assert one.interval[0] < one.change < one.interval[1]
    assert [(one.role, one.sets) for one in found.means] == [("new", 1), ("old", 2)]
    # Two sets of equal change vary less than one: their draws are their own.
    widths = [one.interval[1] - one.interval[0] for one in found.means if one.interval]
    assert widths[1] < 0.9 * widths[0]
    assert found.summary == "new sets: recall_50 +14.3; old sets: recall_50 -14.3"


def test_the_command_shows_one_table_and_saves_it(
    suites: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out" / "gained.json"
    words = [f"{name}={folder}" for name, folder in suites.items()]
    assert main([*words, "--new", "mine", "--output", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["set", "is", "asked", "score", "base", "tuned", "change", "95", "%"]
    assert lines[2].split()[:7] == ["mine", "new", "as_prepared", "recall_50", "71.4%", "85.7%", "+14.3"]
    assert lines[3].split()[:7] == ["old", "old", "as_prepared", "recall_50", "85.7%", "71.4%", "-14.3"]
    assert any(line.startswith("mean of 2 old sets") for line in lines)
    assert lines[-1] == "new sets: recall_50 +14.3; old sets: recall_50 -14.3"
    saved = json.loads(output.read_text())
    assert [one["role"] for one in saved["sets"]] == ["new", "old", "old"]
    assert saved["divergence"] is None
    assert "| mine | new | as_prepared | recall_50 |" in output.with_suffix(".md").read_text()


def test_without_names_new_is_what_the_tuned_model_was_trained_on(
    suites: dict[str, Path], dataset: Any, tmp_path: Path
) -> None:
    """Here all sets have the same data set; a checkpoint of unknown training has no new sets."""
    assert {one.role for one in compare_suites(suites, []).changes} == {""}
    tuned = tmp_path / "checkpoint"
    tuned.mkdir()
    table = json.loads((suites["tuned"] / "suite.json").read_text())
    (suites["tuned"] / "suite.json").write_text(json.dumps({**table, "checkpoint": str(tuned)}))
    for path, role in ((dataset.path, "new"), (tmp_path / "another", "old")):
        (tuned / "train.yaml").write_text(f"train_dataset_path: {path}/train.jsonl\n")
        assert {one.role for one in compare_suites(suites, []).changes} == {role}


def test_sets_without_answers_to_compare_have_their_values_alone(tmp_path: Path) -> None:
    both = {"recall_50": 0.5, "AP50": None}
    base = write_suite(tmp_path / "a", [row("pope", {**both}), row("alone", {"recall_50": 0.1})])
    tuned = write_suite(tmp_path / "b", [row("pope", {"recall_50": 0.25}, tmp_path / "nowhere")])
    found = compare_suites({"a": base, "b": tuned}, [])
    [one] = found.changes
    assert (one.change, one.interval) == (-0.25, None)
    assert found.notes == ("alone/as_prepared is in one of the suites alone",)


def record(run: Path, model: Path, values: dict[int, dict[str, dict[str, float]]]) -> Path:
    about = RunRecord(str(model), "full", 10, {}, {}, None, {}, (Start("2026-01-01"),))
    run.mkdir(exist_ok=True)
    write_run(run, about)
    kinds = {"old": "data set", "talk": "general prompts"}
    sets = tuple(KeptSet(name, kind, name) for name, kind in kinds.items())
    for step, own in values.items():
        add_point(run, sets, KeepPoint(step, own, step / 100))
    return run


KEPT = {
    0: {"old": {"AP50": 0.75, "KL": 0.0}, "talk": {"tokens_kept": 1.0}},
    10: {"old": {"AP50": 0.5, "KL": 0.2}, "talk": {"tokens_kept": 0.9}},
}


def test_the_divergence_is_that_of_the_tuned_run_from_this_base(
    suites: dict[str, Path], tmp_path: Path
) -> None:
    base, run = tmp_path / "model", record(tmp_path / "run", tmp_path / "model", KEPT)
    for own, expected in ((base, 0.1), (tmp_path / "other", None)):
        for name, checkpoint in (("base", own), ("tuned", run)):
            path = suites[name] / "suite.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), "checkpoint": str(checkpoint)}))
        found = compare_suites(suites, ["mine"])
        assert found.divergence == expected
        assert found.summary.endswith("; KL(tuned || base) 0.1000") == (expected is not None)


def test_a_run_compares_its_start_with_its_last_evaluation(
    dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = record(tmp_path / "run", tmp_path / "model", KEPT)
    rows = right_answers(dataset.path)
    for step in (0, 10):
        write_scored_run(run / "boxes" / f"step-{step}", rows, dataset.path, dataset.path)
        write_scored_run(run / "keep" / "old" / f"step-{step}", rows, dataset.path, dataset.path)
        for lost in rows[:3]:
            lost["detections"] = []
    found = compare_run(run)
    assert found is not None
    roles = [(one.name, one.role, one.score, one.interval is not None) for one in found.changes]
    assert roles == [
        (dataset.path.name, "new", "AP50", True),
        ("old", "old", "AP50", True),
        ("talk", "old", "tokens_kept", False),
    ]
    assert found.changes[2].change == pytest.approx(-0.1)
    assert main([str(run)]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split()[4:7] == ["start", "step", "10"]
    assert "old sets: AP50 -" in shown
    assert "tokens_kept -10.0; KL(tuned || base) 0.1000" in shown


def test_a_run_that_has_measured_once_is_no_comparison(tmp_path: Path) -> None:
    assert compare_run(record(tmp_path / "run", tmp_path, {0: KEPT[0]})) is None
    assert compare_run(tmp_path) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            lambda base, tuned: [base, tuned, "--new", "mien"],
            "--new mien: no such set in both suites, did you",
        ),
        (lambda base, tuned: [base], "suites are compared in pairs"),
        (lambda base, tuned: [base, tuned.parent / "answers" / "after"], "suites are compared in pairs"),
        (
            lambda base, tuned: [tuned.parent / "answers" / "after", "--new", "mine"],
            "--new names a set of a suite",
        ),
    ],
)
def test_other_folders_are_said(
    suites: dict[str, Path], words: Callable[[Path, Path], list[Any]], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        main([str(word) for word in words(suites["base"], suites["tuned"])])


@pytest.mark.parametrize("text", ["[]", "{}", '{"rows": [{}]}', '{"rows": [], "metrics": 1}'])
def test_another_file_is_said(suites: dict[str, Path], text: str) -> None:
    (suites["tuned"] / "suite.json").write_text(text)
    with pytest.raises(UserError, match="not the table of a suite"):
        compare_suites(suites, [])


def test_suites_without_a_common_set_are_said(tmp_path: Path) -> None:
    folders = {name: write_suite(tmp_path / name, [row(name, {"AP50": 0.5})]) for name in "ab"}
    with pytest.raises(UserError, match="no set is in both"):
        compare_suites(folders, [])


def test_the_mean_of_sets_is_that_of_their_values_and_draws(answered: dict[str, Path]) -> None:
    before, after = answered.values()
    [one] = score_changes("a", before, after, ["recall_50"], 50)
    [other] = score_changes("b", after, before, ["recall_50"], 50)
    assert one.drawn is not None and other.drawn is not None  # noqa: PT018
    mean = mean_change([one, other], "mean")
    assert mean.change == pytest.approx(0.0)
    assert mean.drawn is not None
    assert mean.drawn.tolist() == pytest.approx(((one.drawn + other.drawn) / 2).tolist())
