import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from train.inside.patches.paddleformers_1_2.always.one_image_resolution import one_image_resolution


@pytest.fixture
def auto_processor(monkeypatch: pytest.MonkeyPatch) -> Any:
    from paddleformers.transformers import AutoProcessor

    monkeypatch.setattr(AutoProcessor, "from_pretrained", AutoProcessor.from_pretrained)
    return AutoProcessor


def photograph(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_the_recipes_cap_is_what_a_later_tool_sees(
    auto_processor: Any, tiny_model: Path, tmp_path: Path
) -> None:
    plain = auto_processor.from_pretrained(str(tiny_model))
    one_image_resolution({"max_pixels": 4096})
    trained = auto_processor.from_pretrained(str(tiny_model))
    trained.save_pretrained(str(tmp_path))
    saved = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert saved["size"] == {"shortest_edge": 1024, "longest_edge": 4096}

    image = photograph(400, 200)
    seen = trained.image_processor(images=[image], return_tensors="pd")
    frames, rows, columns = seen["image_grid_thw"].tolist()[0]
    assert rows * columns * 64 <= 4096 < 400 * 200
    uncapped = plain.image_processor(images=[image], return_tensors="pd")
    assert uncapped["image_grid_thw"].tolist() != [[frames, rows, columns]]

    from paddleformers.transformers import Qwen2VLImageProcessorFast

    for load in (plain.image_processor.__class__, Qwen2VLImageProcessorFast):
        again = load.from_pretrained(str(tmp_path))(images=[image], return_tensors="pd")
        assert again["image_grid_thw"].tolist() == [[frames, rows, columns]]
        np.testing.assert_array_equal(again["pixel_values"].numpy(), seen["pixel_values"].numpy())


def test_training_does_not_resize_before_the_processor(auto_processor: Any, tiny_model: Path) -> None:
    from paddleformers.datasets.template.mm_plugin import MMPluginMixin

    one_image_resolution({"max_pixels": 4096 * 4096})
    processor = auto_processor.from_pretrained(str(tiny_model))
    limits = {"image_max_pixels": processor.image_max_pixels, "image_min_pixels": processor.image_min_pixels}
    resize = MMPluginMixin(image_token="", video_token="", audio_token="")._preprocess_image
    assert resize(photograph(1600, 900), **limits).size == (1600, 900)
    assert resize(photograph(16, 8), **limits).size == (16, 8)


def test_without_keys_the_models_own_limits_hold(auto_processor: Any, tiny_model: Path) -> None:
    one_image_resolution({})
    processor = auto_processor.from_pretrained(str(tiny_model)).image_processor
    assert processor.size == {"shortest_edge": 1024, "longest_edge": 65536}
    image = processor(images=[photograph(64, 64)], return_tensors="pd")
    assert image["image_grid_thw"].tolist() == [[1, 8, 8]]
