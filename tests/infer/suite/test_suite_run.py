import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from grounding.errors import UserError
from grounding.suites.suite_recipe import load_suite
from infer.engines.protocol import RawAnswer, Request
from infer.scoring.metrics.catalogue import Measurements
from infer.suite.member_scores import score_boxes
from infer.suite.suite_run import run_suite
from infer.suite.suite_table import SuiteTable
from tests.infer.suite.drawn_sets import ScriptedEngine, write_sets

SLOW_SUITE = Path(__file__).with_name("slow_suite.py")
SETS = 20


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sets(tmp_path_factory.mktemp("suites"), SETS)


def write_suite(path: Path, text: str) -> Path:
    path.write_text(f"answers: {{score: answer, batch_size: 2}}\ndraws: 20\n{text}", encoding="utf-8")
    return path


def run(path: Path, *words: str, engine: ScriptedEngine | None = None) -> tuple[SuiteTable, ScriptedEngine]:
    engine = engine or ScriptedEngine()
    return run_suite(load_suite(path, list(words)), path, lambda settings: engine), engine


def values(table: SuiteTable, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [(row.name, row.way, dict(row.values)) for row in table.rows if row.kind == kind]


def published_ap(exports: Path, answers: Path) -> float:
    """AP by pycocotools, from the export's own annotations: the prepared data set has no part in it."""
    with contextlib.redirect_stdout(StringIO()):
        truth = COCO(str(exports / "test" / "_annotations.coco.json"))
        numbers = {row["name"]: row["id"] for row in truth.dataset["categories"]}
        rows = [json.loads(line) for line in (answers / "predictions.jsonl").read_text().splitlines()]
        found = [
            {"image_id": row["image_id"], "category_id": numbers[item["label"]], "score": item["score"]}
            | {"bbox": [x1, y1, x2 - x1, y2 - y1]}
            for row in rows
            for item in row["detections"]
            for x1, y1, x2, y2 in [item["box"]]
        ]
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


def test_the_mean_over_twenty_drawn_sets_is_that_of_pycocotools(
    prepared: Path, checkpoint: Path, tmp_path: Path
) -> None:
    path = write_suite(
        tmp_path / "drawn.yaml",
        f"datasets: {prepared}/*\nexpected: {SETS}\nmetrics: [AP, AP50]\naverage: true",
    )
    table, _ = run(path, f"checkpoint={checkpoint}")
    folder = checkpoint / "suites" / "drawn"
    exports = prepared.parent / "exports"
    each = {one.name: published_ap(one, folder / one.name / "as_prepared") for one in exports.iterdir()}
    assert len(set(each.values())) > SETS / 2  # the answers are not all wrong, or all right
    for name, _, row in values(table, "set"):
        assert row["AP"] == pytest.approx(each[name], abs=1e-9)
    ((name, _, mean),) = values(table, "mean")
    assert name == f"mean of {SETS} sets"
    assert mean["AP"] == pytest.approx(sum(each.values()) / SETS, abs=1e-9)
    low, high = next(row.intervals["AP"] for row in table.rows if row.kind == "mean")
    assert low < mean["AP"] < high
    saved = json.loads((folder / "suite.json").read_text())
    assert saved["rows"][-1]["values"]["AP"] == mean["AP"]
    assert not saved["problems"]
    assert f"mean of {SETS} sets" in (folder / "suite.md").read_text()


def test_images_without_objects_are_asked_about(prepared: Path) -> None:
    content = json.loads((prepared / "set00" / "annotations_val.json").read_text())
    with_objects = {item["image_id"] for item in content["annotations"]}
    assert {image["id"] for image in content["images"]} - with_objects == {0}


def test_each_way_is_a_row_and_has_its_own_mean(prepared: Path, checkpoint: Path, tmp_path: Path) -> None:
    ways = "ways: {at_once: {}, per_category: {per_category: true, wording: qwen_category.en1}}"
    path = write_suite(
        tmp_path / "two.yaml",
        f"sets:\n  a: {{dataset: {prepared}/set00}}\n  b: {{dataset: {prepared}/set01}}\n{ways}\n"
        "metrics: [AP50]\naverage: true",
    )
    table, engine = run(path, f"checkpoint={checkpoint}")
    assert [row[:2] for row in values(table, "set")] == [
        (name, way) for name in "ab" for way in ("at_once", "per_category")
    ]
    found = {(name, way): row["AP50"] for name, way, row in values(table, "set")}
    for _, way, row in values(table, "mean"):
        assert row["AP50"] == pytest.approx((found["a", way] + found["b", way]) / 2, abs=1e-12)
    assert any("following category: 'cat'" in request.user for request in engine.asked)
    assert any("following categories: 'cat" in request.user for request in engine.asked)


def test_finished_members_are_not_asked_again(prepared: Path, checkpoint: Path, tmp_path: Path) -> None:
    path = write_suite(tmp_path / "again.yaml", f"datasets: {prepared}/set0[0-2]\nmetrics: [AP]")
    first, _ = run(path, f"checkpoint={checkpoint}")
    second, engine = run(path, f"checkpoint={checkpoint}")
    assert engine.asked == []
    assert second == first


def test_a_set_that_fails_is_named_and_the_others_are_shown(
    prepared: Path, checkpoint: Path, tmp_path: Path
) -> None:
    path = write_suite(
        tmp_path / "missing.yaml",
        f"sets:\n  here: {{dataset: {prepared}/set00}}\n  gone: {{dataset: {prepared}/gone}}\n"
        "metrics: [AP]\naverage: true",
    )
    table, _ = run(path, f"checkpoint={checkpoint}")
    assert [row.name for row in table.rows] == ["here"]
    assert "prepare the data set first" in table.problems["gone/as_prepared"]
    assert table.problems["mean, as_prepared"] == "there are scores of 1 sets, and the mean is over 2"
    assert "problem: gone/as_prepared" in table.as_text()


def test_no_mean_is_shown_over_fewer_sets_than_the_published_one(
    prepared: Path, checkpoint: Path, tmp_path: Path
) -> None:
    text = f"datasets: {prepared}/set0[0-2]\nexpected: 13\nmetrics: [AP]\naverage: true"
    table, _ = run(write_suite(tmp_path / "few.yaml", text), f"checkpoint={checkpoint}")
    assert not values(table, "mean")
    assert table.problems == {"mean, as_prepared": "there are scores of 3 sets, and the mean is over 13"}


def test_each_set_can_have_a_model_of_its_own(prepared: Path, checkpoint: Path, tmp_path: Path) -> None:
    for name in ("set00", "set01"):
        (tmp_path / "models" / name).mkdir(parents=True)
        for file in checkpoint.iterdir():
            (tmp_path / "models" / name / file.name).write_bytes(file.read_bytes())
    path = write_suite(tmp_path / "own.yaml", f"datasets: {prepared}/set0[0-2]\nmetrics: [AP]")
    opened: list[str | None] = []

    def open_engine(settings: Any) -> ScriptedEngine:
        opened.append(settings.checkpoint)
        return ScriptedEngine()

    words = [f"checkpoint={tmp_path}/models/{{set}}", f"output_dir={tmp_path}/out"]
    table = run_suite(load_suite(path, words), path, open_engine)
    assert opened == [f"{tmp_path}/models/{name}" for name in ("set00", "set01")]
    assert "no such checkpoint folder" in table.problems["set02/as_prepared"]


def test_one_model_is_loaded_once(prepared: Path, checkpoint: Path, tmp_path: Path) -> None:
    path = write_suite(tmp_path / "once.yaml", f"datasets: {prepared}/set0[0-4]\nmetrics: [AP]")
    opened: list[Any] = []

    def open_engine(settings: Any) -> ScriptedEngine:
        opened.append(settings)
        return ScriptedEngine()

    run_suite(load_suite(path, [f"checkpoint={checkpoint}"]), path, open_engine)
    assert len(opened) == 1


def test_the_difference_of_domains_is_a_line(prepared: Path, checkpoint: Path, tmp_path: Path) -> None:
    sets = "".join(
        f"  {name}: {{dataset: {prepared}/{name}, domain: {domain}}}\n"
        for name, domain in (("set00", "in"), ("set01", "in"), ("set02", "out"))
    )
    path = write_suite(tmp_path / "domains.yaml", f"sets:\n{sets}metrics: [AP50]")
    table, _ = run(path, f"checkpoint={checkpoint}")
    found = {name: row["AP50"] for name, _, row in values(table, "set")}
    inside = (found["set00"] + found["set01"]) / 2
    assert [row["AP50"] for _, _, row in values(table, "domain")] == pytest.approx([inside, found["set02"]])
    ((name, _, row),) = values(table, "difference")
    assert name == "out of domain minus in domain"
    assert row["AP50"] == pytest.approx(found["set02"] - inside)
    low, high = next(row.intervals["AP50"] for row in table.rows if row.kind == "difference")
    assert low < row["AP50"] < high
    shown = table.as_text().splitlines()[-1]
    assert f"{100 * row['AP50']:+.1f}" in shown


def test_each_group_has_a_mean_and_a_missing_set_leaves_the_others(
    prepared: Path, checkpoint: Path, tmp_path: Path
) -> None:
    groups = {"set00": "Medical", "set01": "Flora & Fauna", "set02": "Flora & Fauna", "gone": "Aerial"}
    sets = "".join(
        f"  {name}: {{dataset: {prepared}/{name}, group: {group}}}\n" for name, group in groups.items()
    )
    alone = f"  other: {{dataset: {prepared}/set03}}\n"
    path = write_suite(tmp_path / "groups.yaml", f"sets:\n{sets}{alone}metrics: [AP50]\naverage: true")
    table, _ = run(path, f"checkpoint={checkpoint}")
    found = {name: row["AP50"] for name, _, row in values(table, "set")}
    assert [(name, row["AP50"]) for name, _, row in values(table, "group")] == [
        ("Medical, mean of 1", found["set00"]),
        ("Flora & Fauna, mean of 2", pytest.approx((found["set01"] + found["set02"]) / 2)),
    ]
    assert table.problems["Aerial, as_prepared"] == "there are no scores of gone/as_prepared"
    assert "mean, as_prepared" in table.problems
    without_it = {name: row for name, row in groups.items() if name != "gone"}
    sets = "".join(
        f"  {name}: {{dataset: {prepared}/{name}, group: {group}}}\n" for name, group in without_it.items()
    )
    table, _ = run(
        write_suite(tmp_path / "all.yaml", f"sets:\n{sets}{alone}metrics: [AP50]\naverage: true"),
        f"checkpoint={checkpoint}",
    )
    ((name, _, row),) = values(table, "mean")
    assert name == "mean of 4 sets"  # the one without a group, too
    assert row["AP50"] == pytest.approx(sum(found.values()) / 4)


def test_a_suite_with_means_resamples_each_set_once_and_draws_sets_apart(
    prepared: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        shutil.copytree(prepared / "set00", tmp_path / name)
    resampled: list[int] = []
    resample = Measurements.resample

    def counted(self: Measurements, weights: Any) -> Any:
        resampled.append(len(weights))
        return resample(self, weights)

    monkeypatch.setattr(Measurements, "resample", counted)
    sets = "".join(f"  {name}: {{dataset: {tmp_path}/{name}}}\n" for name in "ab")
    path = write_suite(tmp_path / "twice.yaml", f"sets:\n{sets}metrics: [AP50]\naverage: true")
    folder = tmp_path / "out"
    words = [f"checkpoint={checkpoint}", f"output_dir={folder}", "draws=200"]
    run(path, *words, engine=AlikeEngine())
    assert resampled == [200, 200]
    predictions = [folder / name / "as_prepared" / "predictions.jsonl" for name in "ab"]
    first, second = (score_boxes(one, one.parent.parent.name, ["AP50"], 200) for one in predictions)
    saved = json.loads((predictions[0].parent / "scores.json").read_text())["intervals"]["AP50"]
    assert list(first.intervals["AP50"]) == saved
    drawn = [one.drawn["AP50"] for one in (first, second)]
    assert sorted(drawn[0]) == pytest.approx(sorted(drawn[1]))  # the same answers about the same pictures
    assert abs(np.corrcoef(drawn[0], drawn[1])[0, 1]) < 0.3
    again = score_boxes(predictions[0], "a", ["AP50"], 200).drawn["AP50"]
    np.testing.assert_array_equal(again, drawn[0])


def test_a_killed_suite_resumes_with_the_same_bytes(prepared: Path, checkpoint: Path, tmp_path: Path) -> None:
    path = write_suite(
        tmp_path / "killed.yaml", f"datasets: {prepared}/set0[0-3]\nmetrics: [AP]\naverage: true"
    )
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    _, engine = run(path, f"checkpoint={checkpoint}", f"output_dir={whole}")
    log = tmp_path / "asked.txt"
    words = [f"checkpoint={checkpoint}", f"output_dir={resumed}"]
    process = subprocess.Popen([sys.executable, str(SLOW_SUITE), str(log), str(path), *words])
    while process.poll() is None and (not log.is_file() or len(log.read_text().splitlines()) < 7):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = len(log.read_text().splitlines())
    assert 7 <= before < len(engine.asked)
    _, again = run(path, *words)
    assert before + len(again.asked) <= len(engine.asked) + 2  # the batch that was under way
    files = {one.relative_to(whole) for one in whole.rglob("*") if one.is_file()}
    assert files == {one.relative_to(resumed) for one in resumed.rglob("*") if one.is_file()}
    for file in files:
        written = (resumed / file).read_bytes()
        assert written.replace(bytes(resumed), bytes(whole)) == (whole / file).read_bytes(), file


class AlikeEngine(ScriptedEngine):
    """Answers about pictures of the same name alike, whichever set they are in."""

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        same = Path("set", "images")
        return super().answer([replace(one, images=(same / one.picture.name,)) for one in requests])


class FailingEngine(ScriptedEngine):
    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        if "set01" in str(requests[0].picture):
            raise UserError("the server does not answer")
        return super().answer(requests)


def test_a_set_whose_engine_fails_is_asked_again_by_the_next_run(
    prepared: Path, checkpoint: Path, tmp_path: Path
) -> None:
    path = write_suite(tmp_path / "server.yaml", f"datasets: {prepared}/set0[0-2]\nmetrics: [AP]")
    table, _ = run(path, f"checkpoint={checkpoint}", engine=FailingEngine())
    assert table.problems == {"set01/as_prepared": "the server does not answer"}
    assert [row.name for row in table.rows] == ["set00", "set02"]
    table, engine = run(path, f"checkpoint={checkpoint}")
    assert not table.problems
    assert {request.picture.parent.parent.name for request in engine.asked} == {"set01"}
