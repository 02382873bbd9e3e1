"""A cache that does not fit a recipe is refused, with what differs."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from train.cache.cache_making import make_cache
from train.cached.encoding_settings import encoding_settings, setting_differences
from train.cached.section import CARD
from train.preflight.cache_fit.cache_keys import cache_keys
from train.preflight.cache_fit.cached_files import cached_files
from train.preflight.cache_fit.record_encoder import open_encoder, settings_of_encoder
from train.recipe import TrainRecipe


@dataclass(frozen=True)
class Cached:
    """Data that has a cache, and the values of the recipe for both."""

    data: Path
    values: dict[str, Any] = field(default_factory=dict)

    def problems(self, **changes: Any) -> list[str]:
        return list(cached_files(TrainRecipe({**self.values, **changes})))


@pytest.fixture
def cached(cached_once: tuple[Path, dict[str, Any]], tmp_path: Path) -> Cached:
    """A copy of the data and its cache, which a test may change."""
    folder, values = cached_once
    copied = Path(shutil.copytree(folder, tmp_path / "copy"))
    moved = {
        name: str(value).replace(str(folder), str(copied))
        for name, value in values.items()
        if str(folder) in str(value)
    }
    return Cached(copied / "data", {**values, **moved})


@pytest.fixture(scope="module")
def cached_once(
    write_recipe: Callable[..., Path], drawn_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("cached")
    data = Path(shutil.copytree(drawn_data, folder / "data"))
    files = {"train_dataset_path": str(data / "train.jsonl"), "eval_dataset_path": str(data / "val.jsonl")}
    recipe = write_recipe(folder, **files, grounding_cache=str(folder / "cache"), max_pixels=4096)
    make_cache(recipe, ["processes=1"])
    return folder, yaml.safe_load(recipe.read_text())


def test_a_cache_that_fits_is_no_problem(cached: Cached) -> None:
    """Moved with its data, with other values of keys that decide nothing, and with part of the records."""
    assert cached.problems() == []
    assert cached.problems(max_seq_len=70, packing=True, learning_rate=1.0e-4, seed=9) == []
    path = cached.values["train_dataset_path"]
    assert cached.problems(train_dataset_path=f"{path}#20") == []
    assert cached.problems(grounding_cache=None, max_pixels=1024) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"max_pixels": 1024}, "max_pixels: 4096 in the cache, 1024 here"),
        ({"min_pixels": 4096}, "min_pixels: "),
        ({"template": "qwen3_vl"}, "template: another one"),
        ({"processor_use_fast": False}, "image processor: Qwen2VLImageProcessorFast in the cache, "),
        ({"truncation_strategy": "right"}, "truncation_strategy: delete in the cache, right here"),
        ({"do_eval": True}, "has nothing of "),
        ({"grounding_cache": "nowhere"}, "nowhere: has nothing of "),
    ],
)
def test_another_encoding_is_named(cached: Cached, changes: dict[str, Any], problem: str) -> None:
    [said] = cached.problems(**changes)
    assert said.startswith("grounding_cache: ")
    assert problem in said
    assert "python -m train.cache RECIPE" in said


def test_another_tokenizer_is_named(cached: Cached, tiny_model: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    content = json.loads((model / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Lowercase"}
    (model / "tokenizer.json").write_text(json.dumps(content))
    [said] = cached.problems(model_name_or_path=str(model))
    assert "tokenizer: another one" in said


def test_versions_are_named(cached: Cached) -> None:
    [card] = (cached.data.parent / "cache").glob(f"*/{CARD}")
    content = json.loads(card.read_text())
    content["settings"]["Pillow"] = "1.0 with libjpeg 1"
    card.write_text(json.dumps(content))
    shutil.move(card.parent, card.parent.with_name("train-of-another-version"))
    [said] = cached.problems()
    assert "Pillow: 1.0 with libjpeg 1 in the cache, " in said


def test_other_records_are_named(cached: Cached) -> None:
    records = cached.data / "train.jsonl"
    records.write_text(records.read_text().replace("Object", "object"))
    [said] = cached.problems()
    assert f"{records} has changed since it was made" in said


def test_another_image_is_named(cached: Cached) -> None:
    Image.new("RGB", (64, 64), "red").save(cached.data / "images" / "train_7.png")
    [said] = cached.problems()
    assert "image images/train_7.png" in said
    (cached.data / "images" / "train_7.png").unlink()
    assert cached.problems() == [said]


def test_an_unfinished_cache_is_named(cached: Cached) -> None:
    [card] = (cached.data.parent / "cache").glob(f"*/{CARD}")
    card.unlink()
    [said] = cached.problems()
    assert "is not finished" in said


def test_a_damaged_cache_is_named(cached: Cached) -> None:
    [card] = (cached.data.parent / "cache").glob(f"*/{CARD}")
    (card.parent / "text.bin").write_bytes(b"")
    [said] = cached.problems()
    assert "text.bin: is not complete" in said
    card.write_text("{}")
    [said] = cached.problems()
    assert "no card of a cache" in said


def test_records_that_are_taken_twice_are_refused(cached: Cached) -> None:
    path = cached.values["train_dataset_path"]
    [said] = cached.problems(train_dataset_path=f"{path}#49")
    assert "takes more than the 48 records of the file" in said


def test_random_stand_ins_are_refused(cached: Cached) -> None:
    assert cached.problems(dataset_type="map") == []
    [said] = cached.problems(dataset_type="map", max_seq_len=66)
    assert "reads a random record in place of each of " in said
    assert cached.problems(dataset_type="map", max_seq_len=66, packing=True) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "VL-DPO"},
        {"grounding_grpo": {"group": 4}},
        {"split_multi_turn": True},
        {"train_dataset_type": "messages,erniekit"},
    ],
)
def test_what_a_cache_does_not_go_with(changes: dict[str, Any]) -> None:
    assert list(cache_keys(TrainRecipe({"grounding_cache": None, **changes}))) == []
    [problem] = cache_keys(TrainRecipe({"grounding_cache": "data/cache", **changes}))
    assert "grounding_cache" in problem


def test_every_setting_of_an_image_processor_counts(make_recipe: Callable[..., Path]) -> None:
    recipe = TrainRecipe(yaml.safe_load(make_recipe().read_text()))
    encoder = open_encoder(recipe)
    before = settings_of_encoder(encoder, recipe)
    assert before == json.loads(json.dumps(before))
    assert {"resample", "rescale_factor", "image_mean", "patch_size", "do_convert_rgb"} <= before.keys()
    images = encoder.processor.image_processor
    for name, value in (("image_mean", [0.4, 0.5, 0.5]), ("resample", 2), ("rescale_factor", 0.004)):
        own = getattr(images, name)
        setattr(images, name, value)
        after = encoding_settings(encoder.tokenizer, encoder.template, encoder.processor, "delete", 1)
        assert [line.partition(":")[0] for line in setting_differences(before, after)] == [name]
        setattr(images, name, own)
