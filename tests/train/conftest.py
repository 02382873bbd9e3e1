"""A tiny model and a small drawn data set, made once for all tests of train/."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image, ImageDraw

from train.tiny import write_tiny_model

ROOT = Path(__file__).resolve().parents[2]
TINY_RECIPE = ROOT / "recipes" / "train" / "tiny_full.yaml"
COLOURS = {"red": (220, 40, 40), "blue": (50, 80, 220)}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "base"
    write_tiny_model(folder)
    return folder


@pytest.fixture
def load_model() -> Callable[[Path], Any]:
    """Load a model folder as plain Paddle, in float32."""
    from paddleformers.transformers import AutoConfig
    from paddleformers.transformers.qwen3_vl import modeling

    def load(folder: Path) -> Any:
        config = AutoConfig.from_pretrained(str(folder))
        for part in (config, config.text_config, config.vision_config):
            part._attn_implementation = "eager"
        return modeling.Qwen3VLForConditionalGenerationDeprecated.from_pretrained(
            str(folder),
            config=config,
            dtype="float32",
            load_checkpoint_format="flex_checkpoint",
            convert_from_hf=True,
        )

    return load


@pytest.fixture(scope="session")
def vision_tokens(tiny_model: Path) -> tuple[int, int, int]:
    """Ids of an image's token and of its start and end."""
    config = json.loads((tiny_model / "config.json").read_text())
    return config["image_token_id"], config["vision_start_token_id"], config["vision_end_token_id"]


@pytest.fixture(scope="session")
def drawn_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for split, count in (("train", 48), ("val", 8)):
        rows = [_draw(folder, split, number) for number in range(count)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def _draw(folder: Path, split: str, number: int) -> dict[str, object]:
    chance = random.Random(f"{split} {number}")
    colour = chance.choice(sorted(COLOURS))
    side, x, y = chance.randint(2, 4) * 8, chance.randint(0, 4) * 8, chance.randint(0, 4) * 8
    image = Image.new("RGB", (64, 64), (128, 128, 128))
    ImageDraw.Draw(image).rectangle((x, y, x + side - 1, y + side - 1), fill=COLOURS[colour])
    name = f"images/{split}_{number}.png"
    (folder / "images").mkdir(exist_ok=True)
    image.save(folder / name)
    box = [round(value * 1000 / 64) for value in (x, y, x + side, y + side)]
    return {
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "<image>Task: Object Detection"},
            {"role": "assistant", "content": "<ref-object><bbox>"},
        ],
        "images": [name],
        "objects": {"ref": [f"{colour} square"], "bbox": [box]},
    }


@pytest.fixture
def make_recipe(tmp_path: Path, tiny_model: Path, drawn_data: Path) -> Callable[..., Path]:
    """Write tiny_full.yaml with this test's model, data and output folder, and changes; ... removes a key."""

    def make(**changes: object) -> Path:
        values = yaml.safe_load(TINY_RECIPE.read_text(encoding="utf-8"))
        values |= {
            "model_name_or_path": str(tiny_model),
            "train_dataset_path": str(drawn_data / "train.jsonl"),
            "eval_dataset_path": str(drawn_data / "val.jsonl"),
            "output_dir": str(tmp_path / "run"),
            "logging_dir": str(tmp_path / "run" / "visualdl"),
            "max_steps": 6,
            "save_steps": 3,
            "logging_steps": 1,
            "per_device_train_batch_size": 2,
        }
        values |= changes
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump({name: value for name, value in values.items() if value is not ...}))
        return path

    return make


@pytest.fixture
def recipe(make_recipe: Callable[..., Path]) -> Path:
    """A recipe that passes the check."""
    return make_recipe()
