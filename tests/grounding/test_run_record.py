import dataclasses
import json
import math
from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.run_record import RUN_FILE, RunRecord, Start, add_scores, read_run, write_run

RECORD = RunRecord(
    model="base",
    method="full",
    max_steps=12,
    devices={"kind": "cpu", "count": 1, "name": "a CPU"},
    versions={"project": "0.1.0"},
    git=None,
    data={"train": {"path": "train.jsonl"}},
    starts=(Start("2026-11-22T01:00:00+00:00"),),
)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    assert read_run(tmp_path) is None
    write_run(tmp_path, RECORD)
    assert read_run(tmp_path) == RECORD


def test_scores_are_kept_by_predictions_the_newest_last(tmp_path: Path) -> None:
    write_run(tmp_path, RECORD)
    for folder, value in (("one", 0.1), ("two", 0.2), ("one", 0.3)):
        add_scores(tmp_path, Path(folder), {"scores": {"AP50": value}})
    record = read_run(tmp_path)
    assert record
    assert list(record.scores.items()) == [
        ("two", {"scores": {"AP50": 0.2}}),
        ("one", {"scores": {"AP50": 0.3}}),
    ]
    assert record.starts == RECORD.starts


def test_a_model_without_a_record_gets_none(tmp_path: Path) -> None:
    add_scores(tmp_path, Path("one"), {"scores": {}})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [{"version": 7}, {"colour": "red"}, {"starts": None}])
def test_a_record_of_another_kind_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    write_run(tmp_path, RECORD)
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=r"run\.json"):
        read_run(tmp_path)


def test_numbers_that_are_not_finite_are_kept_in_proper_json(tmp_path: Path) -> None:
    record = dataclasses.replace(RECORD, loss=math.nan, evaluation={"loss": math.inf, "ppl": 1.5})
    write_run(tmp_path, record)
    json.loads((tmp_path / RUN_FILE).read_text(), parse_constant=pytest.fail)
    back = read_run(tmp_path)
    assert back
    assert back.loss is not None
    assert math.isnan(back.loss)
    assert back.evaluation == {"loss": math.inf, "ppl": 1.5}
