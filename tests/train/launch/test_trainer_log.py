from pathlib import Path

import pytest

from train.launch.trainer_log import meaningful_errors, read_progress


def test_meaningful_errors_are_the_last_messages() -> None:
    tail = [
        "Traceback (most recent call last):",
        "  File x",
        "ValueError: a",
        "ValueError: a",
        "KeyError: 'b'",
        "end",
    ]
    assert meaningful_errors(tail) == ["ValueError: a", "KeyError: 'b'"]
    assert meaningful_errors(["one", "", "two"]) == ["one", "two"]


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "NaN", "1e+20", "3.51e-05", ".5", "4.4"])
def test_the_last_loss_is_read_whatever_it_is(tmp_path: Path, word: str) -> None:
    log_file = tmp_path / "train.log"
    log_file.write_text(
        "loss: 4.5, learning_rate: 0.001, global_step: 20, interval\n"
        f"loss: {word}, learning_rate: 0.001, global_step: 40, interval\n"
        f"[INFO] - eval_loss: {word}, eval_ppl: 3.49, eval_runtime: 2.5\n"
    )
    progress = read_progress(log_file)
    assert progress.step == 40
    assert repr(progress.loss) == repr(float(word))
    assert repr(progress.evaluation) == repr({"loss": float(word), "ppl": 3.49})
