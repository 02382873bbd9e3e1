from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from train.gpu_check.evidence.first_loss import sum_losses, token_losses
from train.recipe import TrainRecipe, resolve_recipe


def test_only_learned_tokens_have_a_loss() -> None:
    logits = np.array([[0.0, 0.0, 0.0, 0.0], [9.0, 0.0, 0.0, 0.0], [1000.0, 0.0, 1000.0, 0.0]], np.float32)
    losses = token_losses(logits, np.array([3, -100, 0]))
    assert losses == pytest.approx([np.log(4), np.log(2)])


def test_copies_of_a_record_have_the_loss_of_the_one(
    write_recipe: Callable[..., Path], drawn_data: Path, tmp_path: Path
) -> None:
    lines = (drawn_data / "train.jsonl").read_text().splitlines()[:2]
    sums = {}
    for name, records in {"one": lines[:1], "two": lines, "copies": lines[:1] * 3}.items():
        file = drawn_data / f"{name}.jsonl"  # beside the images
        file.write_text("".join(f"{line}\n" for line in records))
        recipe = resolve_recipe(write_recipe(tmp_path, train_dataset_path=str(file)))
        sums[name] = sum_losses(TrainRecipe(recipe))
    loss, tokens = sums["one"]
    assert sums["copies"] == (pytest.approx(3 * loss), 3 * tokens)
    assert sums["two"][1] > tokens
    assert sums["two"][0] > loss + 1
