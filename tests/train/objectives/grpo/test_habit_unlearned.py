"""The short form of benchmarks/reinforce.py: a model that names objects twice stops doing so."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from benchmarks.habits import objects_of, with_habits, with_objects
from grounding.boxes import GridBox

PICTURES, UPDATES = 2, 6
TrainTiny = Callable[..., Path]


def record(*boxes: GridBox, picture: int = 0) -> dict[str, Any]:
    """A record about red squares."""
    messages = [
        {"role": "user", "content": "<image>Find every red square in the image."},
        {"role": "assistant", "content": "None of them is in the image."},
    ]
    row = {"messages": messages, "images": [f"images/{picture}.png"]}
    return with_objects(row, [("red square", box) for box in boxes])


def test_the_habits_have_their_shares() -> None:
    small, large = (0, 0, 250, 250), (250, 250, 750, 750)
    rows = [record(small, large, picture=number) for number in range(500)]
    rows += [record(picture=number) for number in range(500)]
    bad = with_habits(rows, seed=0)
    named = [objects_of(row) for row in bad[:500]]
    assert sum(("red square", small) not in objects for objects in named) / 1000 == pytest.approx(
        0.2, abs=0.02
    )
    copies = [objects.count(("red square", large)) for objects in named]
    assert set(copies) == {1, 2}
    assert copies.count(2) / 1000 == pytest.approx(0.15, abs=0.02)
    invented = [objects_of(row) for row in bad[500:]]
    assert sum(map(bool, invented)) / 500 == pytest.approx(0.1, abs=0.03)
    assert [("red square", large)] in invented
    assert with_habits(rows, seed=0) == bad


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_copies_are_unlearned(train_tiny: TrainTiny, prepared_data: Path, tmp_path: Path) -> None:
    clean, habit = (tmp_path / name for name in ("clean", "habit"))
    for folder in (clean, habit):
        shutil.copytree(prepared_data, folder)
    rows = [json.loads(line) for line in (clean / "train.jsonl").read_text().splitlines()[:PICTURES]]
    twice = [with_objects(row, objects_of(row) * 2) for row in rows]
    for folder, records in ((clean, rows), (habit, rows + twice)):
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records))
    off = {"evaluation_strategy": "no", "do_eval": False, "grounding_eval_samples": 0}
    start = train_tiny(train_dataset_path=habit / "train.jsonl", max_steps=40, **off)
    run = train_tiny(
        "tiny_grpo",
        model_name_or_path=start,
        train_dataset_path=clean / "train.jsonl",
        max_steps=UPDATES,
        learning_rate="2.0e-4",
        per_device_train_batch_size=16,
        grounding_grpo="{group: 8, prompts: 2, max_new_tokens: 64, refills: 0, keep_best: false}",
        **off,
    )
    log = (run / "logs" / "train.log").read_text(encoding="utf-8")
    rewards, copies = (
        [float(value) for value in re.findall(rf"grpo_{name}: ([\d.e-]+)", log)]
        for name in ("reward", "copies")
    )
    assert len(rewards) == UPDATES
    assert copies[0] > 0.1
    assert mean(rewards[-2:]) > rewards[0] + 0.05
    assert mean(copies[-2:]) < copies[0] / 2
