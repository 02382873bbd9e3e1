"""Trainings that learn from sampled answers: curves, the best weights, and equal losses in other set-ups.

The tiny model has learned nothing: all its answers fail, and each group learns from its true answer.
"""

import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from grounding.errors import UserError
from grounding.run_record import read_run
from tests.train.conftest import HANG_SECONDS, TrainTiny
from tests.train.inside.test_box_curves import read_log
from train.launch.processes import marked
from train.preflight.all_checks import check_recipe

SETTINGS = {"group": 4, "prompts": 2, "max_new_tokens": 48}
UPDATES = 3
FIGURES = (
    *("reward", "F1", "boxes", "copies", "empty", "false_boxes", "cut", "entropy", "tokens", "dead"),
    *("failed", "clipped", "sampling_seconds", "reward_seconds", "learning_seconds"),
)

own_runs = pytest.mark.xdist_group("grpo")
"""These runs are no one else's: they need not be on the worker that has the other tiny ones."""


def grpo(**more: object) -> str:
    """Return settings as a word of the command line writes them."""
    return f"{{{', '.join(f'{name}: {value}' for name, value in {**SETTINGS, **more}.items())}}}"


@pytest.fixture
def train_grpo(train_tiny: TrainTiny) -> Callable[..., Path]:
    """Run tiny_grpo.yaml for some updates, without evaluations unless it is told otherwise."""

    def run(
        recipe: str = "tiny_grpo", *, settings: Sequence[tuple[str, object]] = (), **words: object
    ) -> Path:
        return train_tiny(
            recipe,
            **{
                "grounding_grpo": grpo(**{"keep_best": "false", **dict(settings)}),
                "per_device_train_batch_size": 8,
                "max_steps": UPDATES,
                "save_steps": UPDATES,
                "do_eval": "false",
                "evaluation_strategy": "'no'",
                "grounding_eval_samples": 0,
                "learning_rate": 1.0e-4,
                "warmup_ratio": 0.0,
                **words,
            },
        )

    return run


def logged(run: Path, name: str = "loss") -> list[float]:
    """Return a value of every step that has it, from the log."""
    file = run / "logs" / "train.log"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return [float(value) for value in re.findall(rf"[ ,]{name}: ([-\d.e]+),", text)]


def weights(run: Path) -> dict[str, Any]:
    return {
        name: value for file in run.glob("*model*.safetensors") for name, value in load_file(file).items()
    }


@own_runs
def test_curves_and_the_best_weights(train_grpo: Callable[..., Path], tiny_model: Path) -> None:
    """At this rate the model is ruined at once: the result is the start, which answered no worse."""
    run = train_grpo(
        settings=[("keep_best", "true")],
        learning_rate=0.1,
        max_steps=2,
        save_steps=2,
        eval_steps=1,
        do_eval="true",
        evaluation_strategy="steps",
        grounding_eval_samples=2,
        freeze_config="freeze_vision",
    )
    log = read_log(run)
    for name in FIGURES:
        points = log.get_data("scalar", f"train/grpo_{name}")
        assert [point.id for point in points] == [1, 2], name
    assert log.get_data("scalar", "train/grpo_failed")[0].value == 1.0
    assert log.get_data("scalar", "train/grpo_learning_seconds")[1].value > 0
    assert [point.id for point in log.get_data("scalar", "boxes/F1_50")] == [0, 1, 2]
    assert len(set(logged(run))) == 2
    assert "best weights: those of step 0 are the result" in (run / "logs" / "train.log").read_text()
    start = load_file(tiny_model / "model.safetensors")
    found = weights(run)
    assert found.keys() == start.keys()
    for name, value in found.items():
        assert (value == start[name]).all(), name


@pytest.mark.slow
@own_runs
def test_only_what_is_trained_changes(train_grpo: Callable[..., Path], tiny_model: Path) -> None:
    start, found = (
        load_file(tiny_model / "model.safetensors"),
        weights(train_grpo(freeze_config="freeze_vision")),
    )
    changed = {name for name, value in found.items() if (value != start[name]).any()}
    assert changed
    assert not any(name.startswith("model.visual.") and "merger" not in name for name in changed)
    assert {name for name in found if name.startswith("model.language_model.layers.")} <= changed


@pytest.mark.slow
@own_runs
def test_accumulated_steps_are_one_large_batch(train_grpo: Callable[..., Path]) -> None:
    """Of two groups, and of halves of them."""
    whole = train_grpo()
    assert all(abs(loss) > 1e-4 for loss in logged(whole))
    halves = train_grpo(per_device_train_batch_size=2, gradient_accumulation_steps=4)
    assert logged(halves) == pytest.approx(logged(whole), abs=1e-6)
    expected = weights(whole)
    for name, value in weights(halves).items():
        np.testing.assert_allclose(value, expected[name], atol=2e-5, rtol=0, err_msg=name)


@pytest.mark.slow
@own_runs
@pytest.mark.parametrize("tuning", ["full", "LoRA"])
def test_two_processes_learn_what_one_does(
    train_grpo: Callable[..., Path], tuning: str, tiny_model: Path
) -> None:
    words: dict[str, object] = {"settings": (("kl", 0.1),)}
    if tuning == "LoRA":
        words |= {"fine_tuning": "LoRA", "lora_rank": 8, "learning_rate": 3.0e-3}
    one, two = train_grpo(**words), train_grpo(**words, tensor_model_parallel_size=2)
    assert logged(two) == pytest.approx(logged(one), abs=1e-4)
    assert logged(two, "grpo_entropy") == pytest.approx(logged(one, "grpo_entropy"), abs=1e-4)
    distances = logged(one, "grpo_kl")
    assert distances[0] == pytest.approx(0, abs=1e-6)  # the start itself
    assert distances[-1] > 1e-5
    assert logged(two, "grpo_kl") == pytest.approx(distances, rel=1e-2, abs=1e-6)
    if tuning == "full":
        return
    adapter = weights(one)
    assert adapter
    assert all("lora" in name for name in adapter)


@pytest.mark.slow
@own_runs
def test_the_answers_keep_their_probabilities_through_an_update(train_grpo: Callable[..., Path]) -> None:
    """Two steps from the same answers, twice: what was sampled moves away, and some tokens are clipped."""
    run = train_grpo(
        settings=(("inner_epochs", 2),),
        per_device_train_batch_size=4,
        max_steps=8,
        save_steps=4,
        learning_rate=1.0e-2,
    )
    clipped = logged(run, "grpo_clipped")
    assert len(clipped) == 8
    assert clipped[0] == clipped[4] == 0  # nothing has changed since the answers were sampled
    assert max(clipped[1:4]) > 0
    assert len(logged(run, "grpo_reward")) == 2  # answers are sampled once an update


@pytest.mark.slow
@own_runs
def test_a_killed_run_resumes_to_the_same_losses(
    write_recipe: Callable[..., Path],
    start_training: "Callable[..., subprocess.Popen[str]]",
    finish_training: Callable[..., str],
    prepared_data: Path,
    tmp_path: Path,
) -> None:
    """Killed within an update of two steps; the model that it keeps a distance to is still the start's."""
    changes = {
        "grounding_grpo": {**SETTINGS, "kl": 0.1, "keep_best": False},
        "per_device_train_batch_size": 4,
        "train_dataset_path": str(prepared_data / "train.jsonl"),
        "max_steps": 24,
        "save_steps": 8,
        "learning_rate": 1.0e-4,
    }
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    recipes = [write_recipe(tmp_path / name, **changes) for name in ("whole", "killed")]
    whole, killed = (tmp_path / name / "run" for name in ("whole", "killed"))
    finish_training(recipes[0])
    process = start_training(recipes[1])
    wait_for_steps(process, killed, 1)
    record = read_run(killed)
    assert record is not None
    running = [process.pid, *marked(record.mark)]  # before: to look for them takes some steps
    wait_for_steps(process, killed, 9)
    for child in running:
        os.kill(child, signal.SIGKILL)
    process.communicate()
    before = len(logged(killed))
    assert before < 24
    resumed = re.search(r"resumes from checkpoint-(\d+)", finish_training(recipes[1]))
    assert resumed
    saved = int(resumed[1])
    assert saved in (8, 16)  # a busy machine can be past the second before the signal comes
    after = logged(killed)
    assert after[:8] == logged(whole)[:8]
    assert len(after) == before + 24 - saved
    assert after[before:] == pytest.approx(logged(whole)[saved:], abs=1e-7)
    for name, steps in (("grpo_kl", saved), ("grpo_entropy", saved // 2)):
        expected = logged(whole, name)[steps:]
        assert logged(killed, name)[-len(expected) :] == pytest.approx(expected, abs=1e-6)


def wait_for_steps(process: "subprocess.Popen[str]", run: Path, steps: int) -> None:
    """Wait until a run has logged so many steps."""
    deadline = time.monotonic() + HANG_SECONDS
    while len(logged(run)) < steps:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_without_the_key_nothing_changes(train_tiny: TrainTiny) -> None:
    assert logged(train_tiny(grounding_grpo="null")) == logged(train_tiny())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"group": 8, "clip_hi": 0.3}, "grounding_grpo: unknown key 'clip_hi', did you mean 'clip_high'?"),
        ({"kl": -1.0}, "grounding_grpo.kl, refills and at_once must be 0 or more"),
        ({"prompts": 3, "group": 3, "max_new_tokens": 8}, "do not make whole steps"),
        (
            {"prompts": 4, "max_new_tokens": 8, "reward": "no.py:f"},
            "grpo.reward: no.py: no such file",
        ),
    ],
)
def test_a_bad_setting_is_refused_with_the_other_problems(
    make_recipe: Callable[..., Path], settings: dict[str, object], words: str
) -> None:
    recipe = make_recipe(grounding_grpo=settings, learning_rate=2.0)
    with pytest.raises(UserError) as refused:
        check_recipe(recipe, ["check_samples=0"])
    said = str(refused.value)
    assert said.startswith(f"{recipe}: learning_rate: 2.0 must be at least 0")
    assert words in said
    assert "\n" not in said


def test_the_check_says_what_the_updates_ask(
    make_recipe: Callable[..., Path], prepared_data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = make_recipe(
        grounding_grpo={**SETTINGS, "keep_best": False},
        train_dataset_path=str(prepared_data / "train.jsonl"),
        max_steps=48,
        save_steps=4,
    )
    with caplog.at_level(logging.INFO, logger="train"):
        check_recipe(recipe)
    (line,) = [line for line in caplog.messages if line.startswith("update: ")]
    assert line == (
        "update: 2 questions = 2 a device x 1 data parallel, 4 answers to each, learned in 4 steps; "
        "12 updates ask 24 questions = 0.50 passes over the data set"
    )
    assert not any(line.startswith(("batch: ", "padding: ", "max_seq_len ")) for line in caplog.messages)
