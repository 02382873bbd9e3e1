"""A LoRA run on attention alone, over boxes and replayed answers in words mixed by PaddleFormers."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from grounding.card import Card, save_card
from grounding.files import read_jsonl, write_jsonl
from tests.train.conftest import TrainTiny, read_losses


@pytest.fixture
def replay(tmp_path: Path, prepared_data: Path) -> Path:
    """Answers in words, of prompts with and without a picture, as `python -m prepare.replay` writes them."""
    folder = tmp_path / "replay"
    rows = []
    for number, (_, row) in enumerate(read_jsonl(prepared_data / "train.jsonl")):
        image = f"images/{number}.png"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        (folder / image).write_bytes((prepared_data / row["images"][0]).read_bytes())
        for picture, images in (("<image>", [image]), ("", [])):
            talk = [
                {"role": "user", "content": f"{picture}What is {number}?"},
                {"role": "assistant", "content": f"It is {number}."},
            ]
            rows.append({"messages": talk, "images": images, "replay": True})
        if number == 9:
            break
    write_jsonl(folder / "train.jsonl", rows)
    counts = {"train": {"images": 10, "records": 20}}
    save_card(Card("", {}, "objects", (), "none", {"source": {"kind": "replay"}}, counts), folder)
    return folder


@pytest.mark.xdist_group("tiny")
def test_only_attention_learns_from_boxes_and_replay(
    train_tiny: TrainTiny, prepared_data: Path, replay: Path
) -> None:
    run = train_tiny(
        "tiny_lora",
        grounding_lora_targets="attention",
        train_dataset_path=f"{prepared_data / 'train.jsonl'},{replay / 'train.jsonl'}",
        train_dataset_type="messages,messages",
        train_dataset_prob="0.5,0.5",
        mix_strategy="interleave_over",
        per_device_train_batch_size=2,
        max_steps=6,
        do_eval=False,
        evaluation_strategy="no",
        grounding_eval_samples=0,
        learning_rate=1.0e-2,
    )
    factors = {
        name: tensor
        for file in run.glob("peft_model*.safetensors")
        for name, tensor in load_file(file).items()
    }
    layers = {name.rpartition(".")[0] for name in factors}
    assert layers
    assert all(".self_attn." in layer or ".attn." in layer for layer in layers)
    assert {layer.rpartition(".")[2] for layer in layers} == {"qkv_proj", "o_proj", "qkv", "proj"}
    assert all(np.abs(tensor).max() > 0 for name, tensor in factors.items() if name.endswith("lora_B"))
    assert np.isfinite(read_losses(run)).all()
    assert json.loads((run / "lora_config.json").read_text(encoding="utf-8"))["target_modules"]
