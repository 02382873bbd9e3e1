import io
import logging

import pytest
from tqdm import tqdm

from train.launch.training_bar import TrainingBar

LOG = [
    "[    INFO] -   Total optimization steps = 1,060",
    "[    INFO] - loss: 4.47127419, learning_rate: 0.001404, global_step: 20, interval_runtime: 8.2158",
    "[    INFO] - eval_loss: 1.25, eval_ppl: 3.49",
    "[    INFO] - loss: 1.19, learning_rate: 3.51e-05, global_step: 1060, interval_runtime: 11.39",
]


def test_progress_follows_the_log(caplog: pytest.LogCaptureFixture) -> None:
    screen = io.StringIO()
    with tqdm(total=None, file=screen) as bar, caplog.at_level(logging.INFO):
        progress = TrainingBar(bar)
        for line in LOG[:3]:
            progress.read(line)
        assert (bar.total, bar.n) == (1060, 20)
        assert "loss=4.4713" in str(bar)
        assert "eval loss 1.25" in caplog.text
        progress.read(LOG[3])
        assert bar.n == 1060


def test_quiet_time_repeats_the_last_step(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.launch.training_bar.QUIET_SECONDS", 0)
    with tqdm(total=None, disable=True) as bar, caplog.at_level(logging.INFO):
        progress = TrainingBar(bar)
        progress.tick()
        for line in LOG[:2]:
            progress.read(line)
        progress.tick()
    assert caplog.messages == ["starting", "step 20/1060 loss 4.4713 learning rate 1.40e-03"]


def test_progress_without_a_terminal_is_a_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    with tqdm(total=None, disable=True) as bar, caplog.at_level(logging.INFO):
        progress = TrainingBar(bar)
        for line in LOG:
            progress.read(line)
        progress.tick()
        assert caplog.messages == ["eval loss 1.2500", "step 1060/1060 loss 1.1900 learning rate 3.51e-05"]


def test_a_training_on_its_own_answers_shows_their_reward(caplog: pytest.LogCaptureFixture) -> None:
    line = LOG[3] + ", grpo_reward: 0.53125, grpo_F1: 0.6, grpo_boxes: 1.01"
    with tqdm(total=None, disable=True) as bar, caplog.at_level(logging.INFO):
        progress = TrainingBar(bar)
        progress.read(LOG[0])
        progress.read(line)
    assert caplog.messages == ["step 1060/1060 reward 0.531 F1 0.600 learning rate 3.51e-05"]


MEASURING = ["[    INFO] - token lengths: 4,100 of 15,000 records", LOG[0]]


def test_measuring_the_records_has_a_bar_of_its_own() -> None:
    screen = io.StringIO()
    with tqdm(total=None, unit="step", desc="starting", file=screen) as bar:
        progress = TrainingBar(bar)
        progress.read(MEASURING[0])
        assert (bar.total, bar.n, bar.unit) == (15000, 4100, "record")
        assert "token lengths" in str(bar)
        progress.read(MEASURING[0].replace("4,100", "15,000"))
        assert bar.n == 15000
        progress.read(MEASURING[1])
        assert (bar.total, bar.n, bar.unit) == (1060, 0, "step")
        assert "training" in str(bar)


def test_measuring_without_a_terminal_is_the_status(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("train.launch.training_bar.QUIET_SECONDS", 0)
    with tqdm(total=None, disable=True) as bar, caplog.at_level(logging.INFO):
        progress = TrainingBar(bar)
        progress.read(MEASURING[0])
        progress.tick()
    assert caplog.messages == ["token lengths of 4,100 of 15,000 records"]


@pytest.mark.parametrize("word", ["nan", "inf"])
def test_a_loss_that_is_not_finite_is_shown(caplog: pytest.LogCaptureFixture, word: str) -> None:
    with tqdm(total=None, disable=True) as bar, caplog.at_level(logging.INFO):
        progress = TrainingBar(bar)
        for line in (*LOG[:2], LOG[2].replace("1.25", word), LOG[3].replace("1.19", word)):
            progress.read(line)
    shown = [f"eval loss {word}", f"step 1060/1060 loss {word} learning rate 3.51e-05"]
    assert caplog.messages == shown
