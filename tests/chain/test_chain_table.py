"""The tables of a chain: what the files of its steps say."""

from pathlib import Path

import pytest

from chain.chain_table import result_text
from chain.planned_steps import PlannedStep
from chain.step_decisions import StepRecord
from chain.step_kinds import KINDS
from grounding.files import write_json
from infer.report.proportion import Proportion
from infer.report.report_files import SUMMARY_FILE

COMMAND = "infer.report"


@pytest.mark.parametrize(
    ("passed", "row"),
    [
        (Proportion(3, 4), ["report", "4", "pictures", "passed", "75.0%", "30.1", "to", "95.4"]),
        (Proportion(0, 0), ["report", "0", "pictures", "passed", "-", "0.0", "to", "100.0"]),
    ],
)
def test_a_report_says_how_many_pictures_pass(tmp_path: Path, passed: Proportion, row: list[str]) -> None:
    step = PlannedStep("report", KINDS[COMMAND], "", (), {"run": COMMAND}, tmp_path, ())
    records = {"report": StepRecord(1, "done", {}, {}, {}, "")}
    assert "passed" not in result_text([step], records)
    write_json(tmp_path / SUMMARY_FILE, {"passed": passed.as_json()})
    assert result_text([step], records).splitlines()[-1].split() == row
