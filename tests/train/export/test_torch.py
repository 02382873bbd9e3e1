"""Exported folders in another tool: torch and transformers, in a venv of their own, see the same model."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.box_head_place import find_box_head
from infer.engines.checkpoint import find_checkpoint, fingerprint_checkpoint
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import Request
from infer.engines.settings import EngineSettings
from tests.models.heads.random_head import save_random_head
from tests.train.conftest import TINY_RECIPE
from tests.train.preflight.test_several_pictures import batch_of
from tests.train.several_pictures import write_two_pictures
from train.export.folder_writer import export
from train.preflight.encode import encode_record, quiet_encoding
from train.preflight.run_data import training_dataset
from train.recipe import TrainRecipe
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model

SCRIPT = Path(__file__).with_name("torch_answers.py")
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def picture(drawn_data: Path) -> Path:
    return drawn_data / "images" / "val_0.png"


@pytest.fixture(scope="module")
def mixture_run(
    tmp_path_factory: pytest.TempPathFactory,
    write_recipe: Callable[..., Path],
    finish_training: Callable[..., str],
) -> Path:
    """A full run of a few steps of a model with experts."""
    folder = tmp_path_factory.mktemp("mixture")
    write_tiny_model(folder / "base", TinySettings(experts=4))
    finish_training(write_recipe(folder, model_name_or_path=str(folder / "base"), max_steps=3, save_steps=3))
    return folder / "run"


def read_model_type(folder: Path) -> str:
    return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"])


def of_torch(python: Path, folder: Path, picture: Path, out: Path, *about_several: Path) -> dict[str, Any]:
    done = subprocess.run(
        [python, SCRIPT, folder, picture, out, *about_several], cwd=out.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(np.load(out))


def of_paddle(run: Path, picture: Path) -> dict[str, Any]:
    """Logits and greedy answer of the run as `python -m infer` loads it: an adapter unmerged."""
    import paddle

    engine = PaddleEngine(EngineSettings(checkpoint=str(run), max_new_tokens=40))
    engine.decoding = replace(engine.decoding, end_ids=frozenset())  # a longer answer shows more
    user = f"{IMAGE_PLACEHOLDER}Task: Object Detection"
    prompt = engine.encode(Request((picture,), "You are a helpful assistant.", user))
    [row] = engine.generate([prompt])
    with paddle.no_grad():
        logits = engine.model(
            input_ids=paddle.to_tensor([prompt.token_ids]),
            pixel_values=prompt.pixel_values,
            image_grid_thw=prompt.image_grid_thw,
        ).logits
    return {
        "input_ids": np.array([prompt.token_ids]),
        "pixel_values": prompt.pixel_values.numpy(),
        "logits": logits.numpy(),
        "answer": row.token_ids,
    }


def of_training(folder: Path, records: Path, model: Any) -> dict[str, Any]:
    """Token ids, positions, labels and loss of each record, as a run reads them."""
    import paddle

    recipe = TrainRecipe(
        yaml.safe_load(TINY_RECIPE.read_text())
        | {"model_name_or_path": str(folder), "train_dataset_path": str(records), "mix_strategy": "concat"}
        | {"max_seq_len": 512, "random_shuffle": False}
    )
    with quiet_encoding():
        dataset = training_dataset(recipe, 9)
        sequences = [encode_record(dataset, example)[0] for example in islice(dataset.mix_datasets, 9)]
    found: dict[str, Any] = {}
    for number, sequence in enumerate(sequences):
        batch = batch_of(dataset, model, [[sequence]])
        labels = batch.pop("labels")[0]
        learned = labels != -100
        with paddle.no_grad():
            logits = model.eval()(**batch).logits[0]
        loss = paddle.nn.functional.cross_entropy(logits[learned], labels[learned])
        found |= {f"ids {number}": np.array(sequence.token_ids), f"labels {number}": labels.numpy()}
        found |= {f"positions {number}": batch["position_ids"].numpy()[:, 0], f"loss {number}": float(loss)}
    return found


@pytest.mark.slow
@pytest.mark.xdist_group("runs")
@pytest.mark.parametrize("kind", ["full", "LoRA", "mixture"])
def test_transformers_sees_the_same_model(
    kind: str, torch_forks: Path, picture: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "LoRA":
        run: Path = request.getfixturevalue("interrupted_parallel_run")["run"]
    else:
        run = request.getfixturevalue({"full": "full_run", "mixture": "mixture_run"}[kind])
    checkpoint = find_checkpoint(run)
    save_random_head(run, fingerprint_checkpoint(checkpoint), family=read_model_type(checkpoint.model))
    folder = export(run)  # with the head beside, which transformers does not see
    fed: dict[str, Any] = {}
    about_several: tuple[Path, ...] = ()
    if kind == "full":  # the data are the same for each
        about_several = (write_two_pictures(tmp_path / "two", train=9) / "train.jsonl", tmp_path / "fed.npz")
        fed = of_training(folder, about_several[0], request.getfixturevalue("load_model")(folder))
        np.savez(about_several[1], **fed)
    there = of_torch(torch_forks, folder, picture, tmp_path / "torch.npz", *about_several)
    here = of_paddle(run, picture)
    again = of_paddle(folder, picture)
    assert again["answer"] == here["answer"]
    assert np.abs(again["logits"] - here["logits"]).max() <= TOLERANCE
    assert there["input_ids"].tolist() == here["input_ids"].tolist()
    np.testing.assert_allclose(there["pixel_values"], here["pixel_values"], atol=1e-6)
    assert np.abs(there["logits"] - here["logits"]).max() <= TOLERANCE
    assert there["answer"].tolist() == here["answer"]
    assert len(here["answer"]) == 40
    for number in range(
        len(fed) // 4
    ):  # records about two pictures are trained on as transformers reads them
        trained = fed[f"ids {number}"].tolist()
        assert there[f"ids {number}"].tolist()[: len(trained)] == trained
        assert there[f"positions {number}"][:, : len(trained)].tolist() == fed[f"positions {number}"].tolist()
        assert abs(there[f"loss {number}"] - fed[f"loss {number}"]) <= TOLERANCE
    moved = {"checkpoint": str(folder), "boxes": "head"}
    head, exported = find_box_head(EngineSettings(**moved), find_checkpoint(folder)), folder / "box_head"
    assert head is not None
    assert head.card.trained_on == fingerprint_checkpoint(checkpoint) != head.card.checkpoint
    assert [file.name for file in exported.iterdir()] == ["box_head.safetensors"]
