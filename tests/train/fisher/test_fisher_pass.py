"""`python -m train.fisher` on the tiny model: against gradients that are computed apart, and read back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from grounding.errors import UserError
from train.fisher.fisher_pass import measure_fisher
from train.fisher.fisher_settings import FisherSettings
from train.gpu_check.evidence.first_loss import encoded_records
from train.objectives.near_start.fisher_file import (
    FisherCard,
    check_fisher,
    load_fisher,
    read_fisher_card,
    save_fisher,
)
from train.recipe import TrainRecipe

RECORDS = 2


@pytest.fixture(scope="module")
def records(drawn_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the drawn records, and one that is too long."""
    folder = tmp_path_factory.mktemp("records")
    shutil.copytree(drawn_data / "images", folder / "images")
    rows = [json.loads(line) for line in (drawn_data / "train.jsonl").read_text().splitlines()[:RECORDS]]
    long = {**rows[0], "messages": [*rows[0]["messages"][:-1], {"role": "assistant", "content": "a " * 200}]}
    long = {name: value for name, value in long.items() if name != "objects"}
    file = folder / "train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in (*rows, long)))
    return file


@pytest.fixture(scope="module")
def measured(records: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The file of the Fisher information, and what the command said."""
    file = tmp_path_factory.mktemp("fisher") / "fisher.safetensors"
    settings = FisherSettings(max_seq_len=128, output=str(file))
    return file, measure_fisher(tiny_model, records.parent, settings)


def recipe_of(model: Path, records: Path) -> TrainRecipe:
    return TrainRecipe(
        {
            "model_name_or_path": str(model),
            "train_dataset_path": str(records),
            "train_dataset_type": "messages",
            "train_dataset_prob": "1.0",
            "stage": "VL-SFT",
            "template": "qwen3_vl_nothink",
            "packing": False,
            "max_seq_len": 128,
            "compute_type": "float32",
        }
    )


def test_it_is_the_mean_of_squares_that_are_computed_apart(
    measured: tuple[Path, str], records: Path, tiny_model: Path, load_model: Callable[[Path], Any]
) -> None:
    """By the model's logits of all tokens, and Paddle's own cross entropy."""
    import paddle

    model = load_model(tiny_model)
    found = load_fisher(model, measured[0])
    parameters = dict(model.named_parameters())
    assert found.keys() == {each.name for each in parameters.values()}
    wanted = {name: np.zeros(each.shape) for name, each in parameters.items()}
    sequences = [each for each in encoded_records(recipe_of(tiny_model, records)) if each is not None]
    assert len(sequences) == RECORDS
    for sequence in sequences:
        logits = model(
            input_ids=paddle.to_tensor([sequence.token_ids]),
            pixel_values=sequence.mm_inputs["pixel_values"],
            image_grid_thw=sequence.mm_inputs["image_grid_thw"],
        ).logits[0]
        labels = paddle.to_tensor(sequence.labels)
        paddle.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum").backward()
        for name, each in parameters.items():
            wanted[name] += np.square(each.grad.numpy().astype("float64")) / RECORDS
            each.clear_gradient(False)
    for name, each in parameters.items():
        highest = wanted[name].max()
        assert highest > 0, name
        np.testing.assert_allclose(found[each.name].numpy(), wanted[name], atol=1e-4 * highest, rtol=1e-3)


def test_the_file_has_the_names_and_shapes_of_the_weights(
    measured: tuple[Path, str], records: Path, tiny_model: Path
) -> None:
    file, said = measured
    shapes = [
        {name: value.shape for name, value in load_file(each).items()}
        for each in (file, *tiny_model.glob("model*.safetensors"))
    ]
    assert shapes[0] == shapes[1]
    card = check_fisher(file, tiny_model)
    assert (card.records, card.dropped) == (RECORDS, 1)
    assert card.tokens > RECORDS
    assert card.settings["max_seq_len"] == 128
    assert f"{RECORDS} records, {card.tokens} learned tokens, 1 records dropped" in said
    assert str(file) in said


def test_that_of_another_checkpoint_is_refused(
    measured: tuple[Path, str], tiny_model: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(tiny_model, other)
    check_fisher(measured[0], other)  # a copy is the same checkpoint
    config = other / "config.json"
    config.write_text(config.read_text() + "\n")
    with pytest.raises(UserError, match="was measured at another checkpoint than"):
        check_fisher(measured[0], other)


def test_a_file_that_is_none_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    [weights] = tiny_model.glob("model*.safetensors")
    text = tmp_path / "text.safetensors"
    text.write_text("no tensors")
    later = tmp_path / "later.safetensors"
    card = FisherCard("checkpoint", data="", records=1, tokens=1, dropped=0, settings={}, version=2)
    save_fisher({"weight": np.zeros(1, "float32")}, card, later)
    for file, said in (
        (later, "has version 2, not 1: run `python -m train.fisher"),
        (weights, "is no Fisher"),
        (text, "is no Fisher"),
        (tmp_path / "none", "no such file"),
    ):
        with pytest.raises(UserError, match=said):
            read_fisher_card(file)


def test_weights_that_no_record_touches_have_none(records: Path, tiny_model: Path, tmp_path: Path) -> None:
    row = json.loads(records.read_text().splitlines()[0])
    row = {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "red"}]}
    file, output = tmp_path / "texts.jsonl", tmp_path / "fisher.safetensors"
    file.write_text(json.dumps(row) + "\n")
    measure_fisher(tiny_model, file, FisherSettings(output=str(output)))
    for name, value in load_file(output).items():
        assert bool(value.any()) == (".visual." not in name), name


def test_what_cannot_be_measured_is_refused(tiny_model: Path, tmp_path: Path, records: Path) -> None:
    settings = FisherSettings(output=str(tmp_path / "fisher.safetensors"), max_seq_len=8)
    with pytest.raises(UserError, match="no record can be learned from, of 3"):
        measure_fisher(tiny_model, records, settings)
    with pytest.raises(UserError, match="no such file"):
        measure_fisher(tiny_model, tmp_path / "none", settings)
    with pytest.raises(UserError, match="no such model folder"):
        measure_fisher(tmp_path / "none", records, settings)
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "lora_config.json").write_text("{}")
    with pytest.raises(UserError, match="holds an adapter: merge it"):
        measure_fisher(tmp_path / "lora", records, settings)
    assert not (tmp_path / "fisher.safetensors").exists()
