"""run.json as a training writes it, and the table of runs."""

import json
import os
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.keep.keep_record import KeepPoint, KeptSet, add_point, curves_file
from grounding.run_record import RunRecord, add_scores, read_run, write_run
from train.checkpoints import seal
from train.launch.manifest import record_end, record_start
from train.launch.provenance import data_of, git_state, package_versions
from train.launch.run_folder import log_of
from train.recipe import TrainRecipe
from train.runs import main, runs_table

LOG = """\x1b[32m[    INFO]\x1b[0m -   Total optimization steps = 1,060
[    INFO] - loss: 4.47127419, learning_rate: 0.001404, global_step: 20, interval_runtime: 8.2158
[    INFO] - eval_loss: 1.25, eval_runtime: 5.0, eval_ppl: 3.49, eval_samples_per_second: 25.5
[    INFO] - loss: 1.19, learning_rate: 3.51e-05, global_step: 40, interval_runtime: 11.39
"""
CPU = {"kind": "cpu", "count": 1, "name": "a CPU"}


@pytest.fixture
def recipe(drawn_data: Path) -> dict[str, str]:
    data = {f"{split}_dataset_path": str(drawn_data / f"{name}.jsonl") for split, name in SPLITS.items()}
    return {"model_name_or_path": "base", "fine_tuning": "LoRA", **data}


SPLITS = {"train": "train", "eval": "val"}


def record_of(run: Path) -> RunRecord:
    record = read_run(run)
    assert record
    return record


def write_log(run: Path, text: str) -> None:
    log_of(run).parent.mkdir(parents=True, exist_ok=True)
    with log_of(run).open("a") as log_file:
        log_file.write(text)


def test_a_run_that_goes_on_keeps_its_earlier_starts(tmp_path: Path, recipe: dict[str, str]) -> None:
    write_log(tmp_path, "loss: 9.0, learning_rate: 0.1, global_step: 999 of a run before\n")
    record_start(recipe, tmp_path, None, CPU, "one")
    first = record_of(tmp_path)
    assert (first.step, first.loss, first.max_steps, first.process) == (0, None, None, os.getpid())
    write_log(tmp_path, LOG)
    later = datetime.fromisoformat(first.starts[0].started).timestamp() + 90
    os.utime(log_of(tmp_path), (later, later))
    record_start(recipe, tmp_path, "checkpoint-20", CPU, "two")  # the first start was killed
    record_end(tmp_path, "finished")
    record = record_of(tmp_path)
    assert [(start.state, start.resumed_from) for start in record.starts] == [
        ("killed", None),
        ("finished", "checkpoint-20"),
    ]
    assert record.starts[0].seconds == pytest.approx(90, abs=0.1)
    assert all(datetime.fromisoformat(start.ended or "") for start in record.starts)
    assert (record.step, record.max_steps, record.loss) == (40, 1060, 1.19)
    assert record.evaluation == {"loss": 1.25, "ppl": 3.49}


def test_a_run_that_starts_anew_forgets(tmp_path: Path, recipe: dict[str, str]) -> None:
    record_start(recipe, tmp_path, None, CPU, "one")
    write_log(tmp_path, LOG)
    record_end(tmp_path, "finished")
    record_start(recipe, tmp_path, None, CPU, "two")
    record_end(tmp_path, "failed")
    record = record_of(tmp_path)
    assert len(record.starts) == 1
    assert (record.step, record.loss) == (0, None)


@pytest.mark.parametrize("part", ["", "#1"])
def test_the_data_is_named_by_hash_and_card(tmp_path: Path, part: str) -> None:
    files = [tmp_path / name / "train.jsonl" for name in ("one", "two")]
    for file in files:
        file.parent.mkdir()
        file.write_bytes(b"abc")
    recipe = TrainRecipe({"train_dataset_path": f"{files[0]}{part}, {files[1]}"})
    found = data_of(recipe, "train")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found["path"] == recipe.values["train_dataset_path"]
    assert found["sha256"] == {str(file): digest for file in files}
    assert found["cards"] == {str(file.parent): None for file in files}
    (files[0].parent / "card.json").write_text('{"version": 2}')
    assert data_of(recipe, "train")["cards"][str(files[0].parent)] == {"version": 2}


def test_the_commit_is_noted_where_there_is_a_repository(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert git_state(tmp_path) is None  # no commit yet
    (tmp_path / "file").write_text("1")
    for words in (["add", "file"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    state = git_state(tmp_path)
    assert state
    assert len(state["commit"]) == 40
    assert state["dirty"] is False
    (tmp_path / "file").write_text("2")
    assert (git_state(tmp_path) or {})["dirty"] is True


def test_versions_name_this_project_and_its_libraries() -> None:
    versions = package_versions()
    assert versions["project"] == "0.1.0"
    assert versions["paddlepaddle"] == "3.3.1"


def test_the_table_tells_how_runs_stand(tmp_path: Path, recipe: dict[str, str]) -> None:
    for name, state in (("a", "finished"), ("b", "failed"), ("c/d", "stopped"), ("e", None)):
        run = tmp_path / name
        record_start(recipe, run, None, CPU, f"mark of {name}")
        write_log(run, LOG)
        if state:
            record_end(run, state)
    (tmp_path / "b" / "checkpoint-20").mkdir()
    seal(tmp_path / "b" / "checkpoint-20")
    (tmp_path / "b" / "checkpoint-30").mkdir()  # half written
    export = tmp_path / "a" / "export"
    write_run(export, record_of(tmp_path / "a"))
    add_scores(tmp_path / "a", Path("part"), {"limit": 4, "scores": {"AP50": 0.5}})
    add_scores(export, Path("whole"), {"limit": None, "scores": {"AP50": 0.979}})
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "run.json").write_text("{}")

    header, rule, *lines = runs_table(tmp_path).splitlines()
    assert set(rule) == {"-", " "}
    assert header.split()[:3] == ["run", "model", "method"]
    assert [line.split()[0] for line in lines] == ["a", "b", "c/d", "e", "odd"]
    assert lines[0].split()[1:6] == ["base", "LoRA", "40/1060", "1.1900", "97.9%"]
    assert lines[0].endswith("finished")
    assert lines[1].endswith("failed at 40, resumes from 20")
    assert lines[2].endswith("stopped at 40, resumes from 0")
    assert lines[3].endswith("stopped at 40, resumes from 0")  # killed: run.json still says running
    assert "odd/run.json: not a record of a run" in lines[4]


def test_a_living_run_is_running(
    tmp_path: Path, recipe: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record_start(recipe, tmp_path / "a", None, CPU, "mark")
    write_log(tmp_path / "a", LOG)
    monkeypatch.setattr("train.runs.marked", lambda mark: [7] if mark == "mark" else [])
    line = runs_table(tmp_path).splitlines()[-1]
    assert line.endswith("running")
    assert "40/1060" in line


def test_no_runs_and_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert "no runs under" in capsys.readouterr().out
    with pytest.raises(UserError, match="no such folder"):
        runs_table(tmp_path / "nowhere")


def test_the_record_is_plain_json(tmp_path: Path, recipe: dict[str, str]) -> None:
    record_start(recipe, tmp_path, None, CPU, "mark")
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["starts"][0]["state"] == "running"
    assert replace(record_of(tmp_path), starts=()).model == "base"


def test_what_runs_gained_and_lost_is_a_second_table(tmp_path: Path, recipe: dict[str, str]) -> None:
    for name in ("a", "b", "odd"):
        record_start(recipe, tmp_path / name, None, CPU, "mark")
    assert len(runs_table(tmp_path).splitlines()) == 5  # nothing is measured
    sets = (KeptSet("old", "data set", "data/old"), KeptSet("talk", "general prompts", "talk.jsonl"))
    for step, old, talk in ((0, 0.75, 1.0), (20, 0.7, 0.95), (40, 0.5, 0.9)):
        own = {"old": {"AP50": old, "F1_50": 0.1, "KL": 0.3}, "talk": {"tokens_kept": talk, "KL": 0.1}}
        add_point(tmp_path / "a", sets, KeepPoint(step, own, step / 80))
        scores = tmp_path / "a" / "boxes" / f"step-{step}" / "scores.json"
        scores.parent.mkdir(parents=True)
        scores.write_text(json.dumps({"AP50": None, "f1_50": step / 50}))
        (scores.parent / "infer.yaml").write_text("dataset: data/mine\n")
    add_point(tmp_path / "b", sets, KeepPoint(0, {}, 0.0))  # nothing to compare with yet
    curves_file(tmp_path / "odd").parent.mkdir()
    curves_file(tmp_path / "odd").write_text("[]")
    _, _, _, _, _, empty, header, _rule, *lines = runs_table(tmp_path).splitlines()
    assert empty == ""
    assert header.split() == ["run", "set", "is", "score", "start", "now", "change"]
    assert [line.split() for line in lines[:3]] == [
        ["a", "mine", "new", "f1_50", "0.0%", "80.0%", "+80.0"],
        ["a", "old", "old", "AP50", "75.0%", "50.0%", "-25.0"],
        ["a", "talk", "old", "tokens_kept", "100.0%", "90.0%", "-10.0"],
    ]
    assert " ".join(lines[3].split()) == "a all, at step 40 KL(tuned || base) 0.0000 0.5000 +0.5000"
    assert lines[4].startswith("odd")
    assert "curves.json: not what a run has kept" in lines[4]
    assert len(lines) == 5
