import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.train.conftest import ForkedWords
from train.plan.gpu_layout import GpuLayout
from train.preflight.batches import padded_batches, percentiles, records_per_step, steps
from train.preflight.encode import TOO_LONG, Encoding, encode_sample
from train.recipe import TrainRecipe

ROOT = Path(__file__).resolve().parents[3]
FEEDER = Path(__file__).with_name("fed.py")
ALL = 1000
VARIANTS: dict[str, dict[str, object]] = {
    "batches": {},
    "short": {"max_seq_len": 100},
    "packing": {"packing": True, "max_seq_len": 200, "per_device_train_batch_size": 1},
    "greedy": {"packing": True, "binpacking": False, "max_seq_len": 200, "per_device_train_batch_size": 1},
    "small images": {"max_pixels": 1024},
}


@pytest.fixture(scope="module")
def varied_data(drawn_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn records with one to four objects each, so that their lengths differ."""
    folder = tmp_path_factory.mktemp("varied")
    shutil.copytree(drawn_data / "images", folder / "images")
    for split in ("train", "val"):
        rows = [json.loads(line) for line in (drawn_data / f"{split}.jsonl").read_text().splitlines()]
        for number, row in enumerate(rows):
            count = 1 + number % 4
            row["messages"][-1]["content"] = ", ".join(["<ref-object><bbox>"] * count)
            row["objects"] = {key: values * count for key, values in row["objects"].items()}
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture
def recipes(make_recipe: Callable[..., Path], varied_data: Path, tmp_path: Path) -> dict[str, Path]:
    """The recipe of each variant, without max_steps: its run counts its steps by the records."""
    paths = {}
    for name, changes in VARIANTS.items():
        data = {
            f"{split}_dataset_path": str(varied_data / f"{file}.jsonl")
            for split, file in (("train", "train"), ("eval", "val"))
        }
        path = make_recipe(**data, **{"max_steps": -1, "num_train_epochs": 2.0, **changes})
        paths[name] = path.rename(tmp_path / f"{name.replace(' ', '_')}.yaml")
    return paths


def read(path: Path) -> TrainRecipe:
    return TrainRecipe(yaml.safe_load(path.read_text()))


@pytest.mark.slow
def test_the_check_encodes_and_counts_what_training_is_fed(
    recipes: dict[str, Path], forked_words: ForkedWords, tmp_path: Path
) -> None:
    fed = dict(zip(recipes, feed(forked_words(), list(recipes.values()), tmp_path), strict=True))
    assert fed["short"]["dropped"] > 5
    for name, path in recipes.items():
        recipe = read(path)
        encoding = encode_sample(recipe, ALL)
        packs = [[list(ids) for ids in pack] for pack in encoding.packs]
        real = fed[name]
        assert packs == real["packs"][: len(packs)], name
        assert encoding.learned == sum(real["learned"][: encoding.kept]), name
        assert encoding.total == encoding.count == 48
        assert encoding.kept == real["used"], name
        assert sum(encoding.dropped.values()) == encoding.dropped[TOO_LONG] == real["dropped"], name
        size = recipe.degree("per_device_train_batch_size")
        assert padded_batches(recipe, encoding).cells == sum(real["positions"][: len(packs) // size]), name
        assert steps(recipe, GpuLayout(gpus=1), encoding) == real["steps"], name
    assert len(fed["batches"]["packs"][0][0]) > len(fed["small images"]["packs"][0][0])


def feed(python: list[str], paths: list[Path], folder: Path) -> list[dict[str, Any]]:
    """Return what PaddleFormers feeds with each recipe, from a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "0"}
    done = subprocess.run(
        [*python, str(FEEDER), *map(str, paths)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line[4:]) for line in done.stdout.splitlines() if line.startswith("FED ")]


def test_the_same_records_come_each_time_and_a_sample_is_the_beginning(recipes: dict[str, Path]) -> None:
    recipe = read(recipes["batches"])
    some, more = encode_sample(recipe, 7), encode_sample(recipe, 20)
    assert some.count == 7
    assert more.packs[:7] == some.packs
    other = TrainRecipe({**recipe.values, "seed": 5})
    assert encode_sample(other, 7).packs != some.packs


def test_a_record_that_training_would_skip_is_named(
    recipes: dict[str, Path], varied_data: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in (varied_data / "train.jsonl").read_text().splitlines()[:6]]
    for row in rows:
        row["images"] = [str(varied_data / row["images"][0])]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    rows[2]["images"] = ["broken.png"]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = read(recipes["batches"])
    encoding = encode_sample(
        TrainRecipe({**recipe.values, "train_dataset_path": str(tmp_path / "train.jsonl")}), ALL
    )
    assert (encoding.kept, encoding.count) == (5, 6)
    assert len(encoding.faults) == 1
    assert "broken.png" in encoding.faults[0]


def test_padding_is_counted_in_whole_batches() -> None:
    encoding = encoding_of(3, 5, 10, 2, 9)
    recipe = TrainRecipe({"per_device_train_batch_size": 2, "packing": False, "max_seq_len": 12})
    batches = padded_batches(recipe, encoding)
    assert (batches.filled, batches.cells) == (3 + 5 + 10 + 2, 2 * 5 + 2 * 10)
    assert batches.waste == pytest.approx(1 / 3)
    packed = padded_batches(
        TrainRecipe({**recipe.values, "packing": True, "per_device_train_batch_size": 1}), encoding
    )
    assert (packed.filled, packed.cells) == (29, 5 * 12)
    aligned = TrainRecipe({**recipe.values, "sequence_parallel": True, "tensor_model_parallel_size": 4,
                      "max_seq_len": 13})  # fmt: skip
    assert padded_batches(aligned, encoding).cells == 4 * 16


def test_lengths_and_steps_of_a_sample() -> None:
    assert percentiles(tuple(range(1, 201))) == {50: 100, 90: 180, 99: 198, 100: 200}
    assert percentiles((7,)) == {50: 7, 90: 7, 99: 7, 100: 7}
    encoding = replace(encoding_of(3, 5, 10, 2), total=400)
    recipe = TrainRecipe({"per_device_train_batch_size": 2, "gradient_accumulation_steps": 5, "max_steps": -1,
                     "num_train_epochs": 1.5})  # fmt: skip
    spread = GpuLayout(gpus=8, tensor=2, sharding=2)
    assert records_per_step(recipe, spread) == 2 * 5 * 4
    assert steps(recipe, spread, encoding) == 15
    assert steps(recipe, spread, None) is None
    assert steps(TrainRecipe({**recipe.values, "max_steps": 3}), spread, None) == 3


def encoding_of(*lengths: int) -> Encoding:
    packs = tuple(((0,) * length,) for length in lengths)
    from collections import Counter

    return Encoding(len(lengths), lengths, sum(lengths), Counter(), (), packs)
