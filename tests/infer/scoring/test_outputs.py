import json
from pathlib import Path
from typing import Any

from grounding.answers.forms import FRACTIONS
from grounding.run_record import RunRecord, Start, read_run, write_run
from infer.recipe import InferRecipe, save_recipe
from infer.scoring.outputs import write_scores
from tests.infer.scoring.made_predictions import right_answers, write_rows


def test_the_same_predictions_give_the_same_bytes_in_any_order(dataset: Any, tmp_path: Path) -> None:
    rows = right_answers(dataset.path)
    rows[0]["detections"] = []
    rows[2]["detections"][0]["box"][2] *= 0.9
    written = []
    for name, ordered in (("one", rows), ("other", rows[::-1])):
        path = write_rows(tmp_path / name / "mine.jsonl", ordered)
        write_scores(path, dataset.path)
        written.append([(path.parent / file).read_bytes() for file in ("scores.json", "coco_results.json")])
    assert written[0] == written[1]


def test_a_training_run_gets_curves(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "eval" / "predictions.jsonl", right_answers(dataset.path))
    (tmp_path / "run" / "visualdl").mkdir(parents=True)
    save_recipe(
        InferRecipe(checkpoint=str(tmp_path / "run"), dataset=str(dataset.path), output_dir=str(path.parent))
    )
    shown = write_scores(path, draws=10)
    file = tmp_path / "run" / "visualdl_scores" / "eval" / "vdlrecords.scores.log"
    assert file.is_file()
    assert str(file) in shown
    write_scores(path, draws=10, curves=tmp_path / "mine")
    assert (tmp_path / "mine" / file.name).is_file()


def test_scores_lie_beside_the_checkpoint_too(dataset: Any, tmp_path: Path) -> None:
    record = RunRecord(
        model="base",
        method="full",
        max_steps=3,
        devices={},
        versions={},
        git=None,
        data={},
        starts=(Start("2026-01-01T00:00:00Z"),),
    )
    write_run(tmp_path / "model", record)
    path = write_rows(tmp_path / "out" / "predictions.jsonl", right_answers(dataset.path)[:3])
    save_recipe(
        InferRecipe(
            checkpoint=str(tmp_path / "model"),
            dataset=str(dataset.path),
            output_dir=str(path.parent),
            limit=3,
        )
    )
    write_scores(path)
    noted = read_run(tmp_path / "model")
    assert noted
    entry = noted.scores[str(path.parent)]
    saved = json.loads((path.parent / "scores.json").read_text())
    assert entry["scores"] == {name: saved[name] for name in entry["scores"]}
    assert {"AP50", "f1_50", "readable"} <= entry["scores"].keys()
    assert (entry["dataset"], entry["split"], entry["limit"]) == (str(dataset.path), "val", 3)


def test_the_report_names_the_likely_cause_of_bad_scores(dataset: Any, tmp_path: Path) -> None:
    rows = right_answers(dataset.path)
    path = write_rows(tmp_path / "mine.jsonl", rows)
    assert "likely cause" not in write_scores(path, dataset.path, draws=10)
    for row in rows:
        row["problems"] = [FRACTIONS]
    report = write_scores(write_rows(path, rows), dataset.path, draws=10)
    assert f"likely cause: {len(rows)} of {len(rows)} answers hold only numbers up to 1" in report
