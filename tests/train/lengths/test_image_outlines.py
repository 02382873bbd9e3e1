"""Image tokens by the header are those that PaddleFormers writes after decoding and resizing the image."""

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from grounding.boxes import Size
from models.processors import load_processor
from models.qwen3_vl.resolution import FACTOR, training_size
from train.image_limits import limit_images
from train.lengths.image_outlines import ImageOutline, count_image_tokens, read_outline

LIMITS: list[dict[str, int]] = [{}, {"max_pixels": 2048}, {"min_pixels": 9000, "max_pixels": 20000}]


@pytest.fixture(scope="module")
def plugin() -> Any:
    from paddleformers.datasets.template.template import TEMPLATES

    return TEMPLATES["qwen3_vl_nothink"].mm_plugin


def no_download(image: str) -> Any:
    raise AssertionError(image)


@pytest.mark.parametrize("use_fast", [True, False])
@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_the_image_processor_makes_as_many_patches(
    tiny_model: Path, plugin: Any, limits: dict[str, int], use_fast: bool, tmp_path: Path
) -> None:
    processor = load_processor(tiny_model, use_fast=use_fast)
    limit_images(processor, limits)
    chance = random.Random(f"{limits} {use_fast}")
    sizes = [(chance.randint(1, 400), chance.randint(1, 400)) for _ in range(12)]
    for number, size in enumerate([*sizes, (1, 260), (260, 1), (27, 28)]):
        file = tmp_path / f"{number}.{chance.choice(('png', 'jpg', 'webp', 'bmp'))}"
        Image.new("RGB", size).save(file)
        grid = plugin._get_mm_inputs([str(file)], [], [], processor)["image_grid_thw"][0]
        outline = read_outline(str(file), no_download)
        assert (outline.width, outline.height) == size
        assert count_image_tokens(outline, plugin, processor) == int(grid.prod()) // 4, size


def test_the_family_resizes_alike(plugin: Any) -> None:
    """Images with a side shorter than a vision token's are left out: transformers has another rule there."""
    from paddleformers.transformers.qwen2_vl.image_processor_fast import Qwen2VLImageProcessorFast

    images = Qwen2VLImageProcessorFast(patch_size=16, merge_size=2)
    processor = SimpleNamespace(image_processor=images)
    chance = random.Random(2)
    for low, high in ((256 * 256, 1024 * 1024), (1024, 300 * 300)):
        limit_images(processor, {"min_pixels": low, "max_pixels": high})
        for _ in range(100):
            size = Size(chance.randint(FACTOR, 2000), chance.randint(FACTOR, 2000))
            seen = training_size(size, low, high)
            tokens = count_image_tokens(ImageOutline(size.width, size.height), plugin, processor)
            assert tokens == seen.width * seen.height // FACTOR**2, size


def test_an_image_elsewhere_is_downloaded() -> None:
    opened = []

    def download(image: str) -> Image.Image:
        opened.append(image)
        return Image.new("L", (3, 5))

    assert read_outline("https://example.org/1.png", download) == ImageOutline(3, 5)
    assert opened == ["https://example.org/1.png"]


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"no picture")
    with pytest.raises(OSError, match="cannot identify"):
        read_outline(str(tmp_path / "1.png"), no_download)
