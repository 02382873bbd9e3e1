import math
from pathlib import Path

import pytest

from train.gpu_check.evidence.logged_losses import largest_gap, read_peak_memory, read_step_losses
from train.gpu_check.finding import StepFailedError


def write_log(run: Path, *lines: str) -> Path:
    (run / "logs").mkdir(parents=True, exist_ok=True)
    (run / "logs" / "train.log").write_text("\n".join(lines))
    return run


def line(step: int, loss: object, more: str = "") -> str:
    return f"\x1b[32m[INFO]\x1b[0m - loss: {loss}, learning_rate: 1e-05, global_step: {step}, {more}ppl: 2.1"


def test_a_repeated_step_has_its_last_loss(tmp_path: Path) -> None:
    run = write_log(tmp_path, line(1, 2.5), line(2, "1e-05"), "killed", line(2, 1.5), line(3, "nan"))
    losses = read_step_losses(run)
    assert list(losses) == [1, 2, 3]
    assert losses[2] == 1.5
    assert math.isnan(losses[3])


def test_a_run_without_a_loss_has_failed(tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match="has no loss"):
        read_step_losses(write_log(tmp_path, "loss_subbatch_sequence_length: -1"))
    with pytest.raises(StepFailedError, match="has no loss"):
        read_step_losses(tmp_path / "nowhere")


def test_the_peak_is_the_highest_that_was_logged(tmp_path: Path) -> None:
    run = write_log(
        tmp_path, *(line(step, 1.0, f"max_memory_reserved: {gib}, ") for step, gib in ((1, 9.5), (2, 41.25)))
    )
    assert read_peak_memory(run) == 41.25
    assert read_peak_memory(write_log(tmp_path, line(1, 1.0))) is None


def test_gaps_are_relative_and_infinite_where_there_is_no_number() -> None:
    assert largest_gap({1: 2.0, 2: 4.0, 9: 1.0}, {1: 2.0, 2: 4.04}) == (pytest.approx(0.04 / 4.04), 2)
    assert largest_gap({1: 0.0, 2: math.nan}, {1: 0.0, 2: math.nan}) == (math.inf, 2)
    with pytest.raises(StepFailedError, match="no step in common"):
        largest_gap({1: 1.0}, {2: 1.0})
