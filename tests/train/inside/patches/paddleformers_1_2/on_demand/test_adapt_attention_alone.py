"""A LoRA run on attention alone, over boxes and replayed answers in words mixed by PaddleFormers."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from grounding.card import Card, save_card
from grounding.files import read_jsonl, write_jsonl
from tests.train.conftest import TrainHere, TrainTiny, read_losses
from train.export.folder_writer import export

STEPS = 6


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory, prepared_data: Path) -> Path:
    """Answers in words, of prompts with and without a picture, as `python -m prepare.replay` writes them."""
    folder = tmp_path_factory.mktemp("replay")
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


@pytest.fixture
def learn(train_tiny: TrainTiny, prepared_data: Path, replay: Path) -> Callable[..., Path]:
    """Train a LoRA adapter on attention alone, from boxes and replayed answers."""

    def train(**changes: object) -> Path:
        return train_tiny(
            "tiny_lora",
            **{
                "grounding_lora_targets": "attention",
                "train_dataset_path": f"{prepared_data / 'train.jsonl'},{replay / 'train.jsonl'}",
                "train_dataset_type": "messages,messages",
                "train_dataset_prob": "0.5,0.5",
                "mix_strategy": "interleave_over",
                "per_device_train_batch_size": 2,
                "max_steps": STEPS,
                "save_steps": STEPS // 2,
                "save_total_limit": 2,
                "do_eval": False,
                "evaluation_strategy": "no",
                "grounding_eval_samples": 0,
                "learning_rate": 1.0e-2,
                **changes,
            },
        )

    return train


def adapter(run: Path) -> dict[str, Any]:
    return tensors(run, "peft_model*.safetensors")


def tensors(folder: Path, pattern: str = "model*.safetensors") -> dict[str, Any]:
    return {name: tensor for file in folder.glob(pattern) for name, tensor in load_file(file).items()}


@pytest.mark.xdist_group("tiny")
def test_only_attention_learns_from_boxes_and_replay(learn: Callable[..., Path]) -> None:
    run = learn()
    factors = adapter(run)
    layers = {name.rpartition(".")[0] for name in factors}
    assert layers
    assert all(".self_attn." in layer or ".attn." in layer for layer in layers)
    assert {layer.rpartition(".")[2] for layer in layers} == {"qkv_proj", "o_proj", "qkv", "proj"}
    assert all(np.abs(tensor).max() > 0 for name, tensor in factors.items() if name.endswith("lora_B"))
    assert np.isfinite(read_losses(run)).all()
    assert json.loads((run / "lora_config.json").read_text(encoding="utf-8"))["target_modules"]


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_two_processes_learn_what_one_does_resume_and_are_merged(
    learn: Callable[..., Path], train_here: TrainHere, tiny_model: Path
) -> None:
    one, two = learn(), learn(tensor_model_parallel_size=2)
    losses, factors = read_losses(two), adapter(two)
    assert losses == pytest.approx(read_losses(one), abs=1e-4)
    expected = adapter(one)
    assert factors.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(factors[name], value, atol=1e-4, rtol=0, err_msg=name)

    shutil.rmtree(two / f"checkpoint-{STEPS}")
    for name in ("train_results.json", *(path.name for path in two.glob("peft_model*"))):
        (two / name).unlink()
    code, said = train_here([two / "train.yaml"], [])
    assert code == 0, said
    assert read_losses(two)[STEPS:] == losses[STEPS // 2 :]
    resumed = adapter(two)
    for name, value in factors.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)

    exported = export(two)
    start, merged = tensors(tiny_model), tensors(exported)
    changed = {name for name, value in start.items() if np.abs(merged[name] - value).max() > 0}
    kinds = {re.sub(r".*\.(\w+)\.(\w+)$", r"\1.\2", name) for name in changed}
    assert kinds == {
        "q_proj.weight",
        "k_proj.weight",
        "v_proj.weight",
        "o_proj.weight",
        "qkv.weight",
        "proj.weight",
    }
    scaling = json.loads((two / "lora_config.json").read_text(encoding="utf-8"))
    layer = next(name.removesuffix(".lora_A") for name in resumed if name.endswith("o_proj.lora_A"))
    change = resumed[f"{layer}.lora_A"] @ resumed[f"{layer}.lora_B"] * scaling["lora_alpha"] / scaling["r"]
    found = merged[f"{layer}.weight"] - start[f"{layer}.weight"]
    np.testing.assert_allclose(found, change.T, atol=1e-6, rtol=0)
