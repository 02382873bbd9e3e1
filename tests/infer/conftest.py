"""A prepared data set of a few noisy images, and a random tiny model, for the tests of infer."""

import json
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grounding.card import Card, save_card
from grounding.categories import number_categories
from infer.scoring.words.meteor_program import meteor_statistics

ROOT = Path(__file__).parents[2]
SIZES = ((64, 64), (120, 40), (33, 90), (200, 150), (64, 48), (96, 96), (40, 40))
CATEGORIES = number_categories(["red square", "green circle"])


@dataclass(frozen=True)
class SmallDataset:
    path: Path

    @property
    def image_ids(self) -> list[int]:
        return [row["id"] for row in json.loads((self.path / "annotations_val.json").read_text())["images"]]


def write_dataset(folder: Path, sizes: tuple[tuple[int, int], ...] = SIZES) -> SmallDataset:
    """Write card, val.jsonl, train.jsonl, annotations and images; questions differ in length."""
    generator = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    card = Card(
        "Be brief.",
        {"task.en1": "Task: Object Detection"},
        "objects",
        CATEGORIES,
        "none",
        {},
        {"val": {"images": 7}},
    )
    save_card(card, folder)
    records, images, annotations = [], [], []
    for number, (width, height) in enumerate(sizes):
        name = f"{number + 101:06}.png"
        pixels = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / name)
        system = [{"role": "system", "content": "Be brief."}] if number % 2 else []
        question = "<image>\nTask: Object Detection" + " red square" * number
        records.append(
            {
                "messages": [
                    *system,
                    {"role": "user", "content": question},
                    {"role": "assistant", "content": "<ref-object><bbox>"},
                ],
                "images": [f"images/{name}"],
                "objects": {"ref": ["red square"], "bbox": [[100, 100, 500, 500]]},
            }
        )
        images.append({"id": number + 101, "file_name": name, "width": width, "height": height})
        box = [width * 0.1, height * 0.1, width * 0.4, height * 0.4]
        annotations.append(
            {
                "id": number + 1,
                "image_id": number + 101,
                "category_id": 1,
                "bbox": box,
                "area": box[2] * box[3],
            }
            | {"iscrowd": 0}
        )
    lines = "".join(json.dumps(record) + "\n" for record in records)
    for split in ("val", "train"):
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    categories = [{"id": category.id, "name": category.name} for category in CATEGORIES]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "annotations_val.json").write_text(json.dumps(content), encoding="utf-8")
    return SmallDataset(folder)


@pytest.fixture
def dataset(tmp_path: Path) -> SmallDataset:
    return write_dataset(tmp_path / "data")


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("checkpoint") / "tiny", "seed=1")


@pytest.fixture(scope="session")
def tiny_mixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("checkpoint") / "mixture", "experts=4", "seed=3")


@pytest.fixture(scope="session", params=["dense", "mixture"])
def any_checkpoint(request: pytest.FixtureRequest, tiny_checkpoint: Path, tiny_mixture: Path) -> Path:
    """A random tiny model, dense and with experts."""
    return tiny_checkpoint if request.param == "dense" else tiny_mixture


def write_model(folder: Path, *words: str) -> Path:
    command = [sys.executable, "-m", "train.tiny", str(folder), *words]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder that looks like a model's, for engines that do not read it."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


METEOR_NUMBERS = "5 6 2 3 1 1 2 2 0 0 0 0 2 2 0 0 0 0 0 0 2 5 5"
"""What METEOR's program prints for "a crimson hound on left", which has 0.41389 by its EVAL."""


@pytest.fixture
def fake_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of Java: it answers each line with what the returned file holds."""
    java, says = tmp_path / "bin" / "java", tmp_path / "says"
    java.parent.mkdir()
    java.write_text(f'#!/bin/sh\nwhile read line; do cat "{says}"; done\n')
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    says.write_text(f"{METEOR_NUMBERS}\n")
    monkeypatch.setenv("PATH", f"{java.parent}:/usr/bin:/bin")
    meteor_statistics.cache_clear()
    return says


@pytest.fixture
def no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Java."""
    monkeypatch.setenv("PATH", str(tmp_path))
    meteor_statistics.cache_clear()
