from collections.abc import Callable

import pytest

from train.gpu_check.execution.running import StepOutcome
from train.gpu_check.finding import LEFT_OUT, PASSED, WRONG, Found
from train.gpu_check.reporting.pasted_report import outcome_table, report_text
from train.gpu_check.step import Step
from train.gpu_check.workplace import Workplace


@pytest.fixture
def outcomes(make_place: Callable[..., Workplace]) -> list[StepOutcome]:
    def never(place: Workplace) -> None:
        raise AssertionError(place)

    def outcome(number: int, name: str, found: Found) -> StepOutcome:
        return StepOutcome(Step(number, name, "", never, never), found)  # type: ignore[arg-type]

    return [
        outcome(2, "packages", Found("no conflict", "none", PASSED)),
        outcome(5, "zero-step", Found("equal", "changed: a|b", WRONG)),
        outcome(8, "split-model", Found("the losses of one process", "needs 2 GPUs, there is 1", LEFT_OUT)),
    ]


def test_the_report_has_table_versions_and_the_end_of_failed_logs(
    outcomes: list[StepOutcome], make_place: Callable[..., Workplace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret-of-a-user")
    place = make_place(1)
    place.folder_of("zero-step").mkdir()
    said = [f"line {number}" for number in range(99)]
    place.log_of("zero-step").write_text(
        "\n".join([*said, "```", "secret-of-a-user", f"{place.folder}/zero-step/run: 0%\r100%", "x" * 999])
    )
    place.folder_of("packages").mkdir()
    place.log_of("packages").write_text("passed steps are silent")
    text = report_text(outcomes, place)
    assert text.startswith("# GPU check: 1 passed, 1 FAILED, 1 left out\n")
    assert "- 1 GPUs: 1 x a card, 80 GiB, compute capability 9.0\n- driver 560.1\n" in text
    assert "| 5 zero-step | equal | changed: a\\|b | FAILED |" in text
    assert "| paddlepaddle | 3.3.1 |" in text
    assert "line 98" in text
    assert "line 79\n" not in text
    assert text.count("```") == 2
    assert "secret-of-a-user" not in text
    assert str(place.folder) not in text
    assert "passed steps are silent" not in text
    assert max(map(len, text.splitlines())) <= 300


def test_the_table_fits_a_terminal(outcomes: list[StepOutcome]) -> None:
    header, _, *rows = outcome_table(outcomes).splitlines()
    assert header.split() == ["step", "expected", "found", "verdict"]
    assert rows[1].split() == ["5", "zero-step", "equal", "changed:", "a|b", "FAILED"]
