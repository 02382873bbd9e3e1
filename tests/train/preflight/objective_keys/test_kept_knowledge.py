"""When the check warns that a model may forget: large ones, tuned without replay and without a measure."""

from pathlib import Path
from typing import Any

import pytest

from grounding.card import Card, save_card
from train.preflight.objective_keys.kept_knowledge import forgetting_line
from train.recipe import TrainRecipe

LARGE: dict[str, Any] = {"model_name_or_path": "Qwen/Qwen3-VL-2B-Instruct", "stage": "VL-SFT"}


def write_card(folder: Path, kind: str) -> str:
    folder.mkdir()
    save_card(Card("", {}, "objects", (), "none", {"source": {"kind": kind}}, {}), folder)
    return str(folder / "train.jsonl")


def warns(values: dict[str, Any]) -> bool:
    lines = list(forgetting_line(TrainRecipe(values)))
    assert all("\n" not in line and "prepare.replay" in line for line in lines)
    return len(lines) == 1


def test_replay_among_the_data_or_a_measure_is_enough(tmp_path: Path) -> None:
    shapes, replay = write_card(tmp_path / "shapes", "coco_json"), write_card(tmp_path / "replay", "replay")
    assert warns({**LARGE, "train_dataset_path": shapes})
    mixed = {**LARGE, "train_dataset_path": f"{shapes},{replay}"}
    assert not warns({**mixed, "mix_strategy": "interleave_over"})
    assert next(iter(forgetting_line(TrainRecipe(mixed)))).startswith(
        "replay: warning: with mix_strategy concat"
    )
    assert not warns({**LARGE, "train_dataset_path": shapes, "grounding_keep": [replay]})


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "VL-DPO"},
        {"grounding_grpo": {"group": 4}},
        {"freeze_config": "freeze_llm freeze_vision"},
        {"model_name_or_path": "nowhere/at-all"},
    ],
)
def test_no_warning_where_it_would_say_nothing(changes: dict[str, Any]) -> None:
    assert not warns({**LARGE, **changes})
    assert warns({**LARGE, "fine_tuning": "LoRA"})


def test_a_tiny_model_has_nothing_to_lose(tiny_model: Path) -> None:
    assert not warns({**LARGE, "model_name_or_path": str(tiny_model)})
